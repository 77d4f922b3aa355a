# Three images of one repository: the site and its workers (web), the scorer on an NVIDIA GPU (gpu), the trainer (trainer).
#   docker build --target web --tag tuning-fork-web .
# Packages are installed in a stage of their own, so that no build tool is in what runs.
FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ORT_DISABLE_TELEMETRY=1 PATH=/opt/venv/bin:$PATH
RUN useradd --uid 10001 --create-home --home-dir /home/site --shell /usr/sbin/nologin site \
  && install -d -o site -g site /var/lib/tuning-fork /var/lib/tuning-fork/runs /var/lib/backups
WORKDIR /opt/tuning-fork

FROM base AS installer
RUN python -m venv /opt/venv
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

FROM installer AS web-packages
COPY requirements/web.txt requirements/web.txt
RUN pip install --require-hashes --requirement requirements/web.txt

FROM installer AS gpu-packages
COPY requirements/gpu.txt requirements/gpu.txt
RUN pip install --require-hashes --requirement requirements/gpu.txt

FROM installer AS trainer-packages
# PyTorch's build follows the machine: TORCH_ARGS="--index-url https://download.pytorch.org/whl/cpu", for example.
ARG TORCH=torch==2.13.0
ARG TORCH_ARGS=
COPY requirements/training.txt requirements/training.txt
RUN pip install --require-hashes --requirement requirements/training.txt && pip install ${TORCH_ARGS} ${TORCH}

FROM base AS site
COPY manage.py pyproject.toml README.md LICENSE CITATION.cff ./
COPY inference inference
COPY webapp webapp
COPY static static
COPY templates templates
COPY locale locale
COPY training/configs training/configs
ENV VAR_DIR=/var/lib/tuning-fork HEARTBEAT_FILE=/tmp/alive PROMETHEUS_MULTIPROC_DIR=/tmp/metrics
VOLUME /var/lib/tuning-fork
USER site

FROM site AS web
COPY --from=web-packages /opt/venv /opt/venv
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD ["python", "-m", "webapp.probe", "http://127.0.0.1:8000/livez"]
CMD ["gunicorn", "webapp.wsgi:application", "--bind", "0.0.0.0:8000", "--workers", "2", "--worker-class", "gthread", "--threads", "2", "--worker-tmp-dir", "/dev/shm", "--no-control-socket"]

FROM site AS gpu
COPY --from=gpu-packages /opt/venv /opt/venv
ENV GPU=require
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD ["python", "-m", "webapp.probe", "/tmp/alive"]
CMD ["celery", "-A", "webapp.celery", "worker", "--queues", "scoring", "--pool", "solo", "--hostname", "scorer@%h", "--loglevel", "INFO"]

FROM base AS trainer
COPY inference inference
COPY training training
COPY --from=trainer-packages /opt/venv /opt/venv
VOLUME /var/lib/tuning-fork
USER site
# It knows no site: that it sees the folder of runs is all that can be asked.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "import os; os.scandir('/var/lib/tuning-fork/runs').close()"]
CMD ["python", "-m", "training", "watch", "/var/lib/tuning-fork/runs"]
