"""What beat sends its calls with."""

from celery.beat import PersistentScheduler


class Scheduler(PersistentScheduler):
    """Celery's, with a connection for each call out of the pool.

    Celery's own keeps one for as long as it runs. Once RabbitMQ has closed that one, every later
    call fails on it, for ever; the pool gives up a broken connection and makes another.
    """

    producer = None  # type: ignore[assignment]
