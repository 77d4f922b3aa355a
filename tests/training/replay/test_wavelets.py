import numpy as np

from tests.bench.replay.wavelets import wavelet_features


def pictures(n=6, size_px=64):
    """Noise with a bright, stretched middle."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1 : 1 : size_px * 1j, -1 : 1 : size_px * 1j]
    glow = np.exp(-(x**2 + (y * 2) ** 2) * 8)[None, :, :, None]
    noise = rng.random((n, size_px, size_px, 3)) * 0.3
    return ((glow * rng.random((n, 1, 1, 3)) * 0.7 + noise) * 255).astype(np.uint8)


def test_turning_and_mirroring_a_picture_hardly_changes_what_is_seen():
    images = pictures()
    seen = wavelet_features(images)
    spread = np.abs(seen - seen.mean(0)).mean(0) + 1e-3

    turned = wavelet_features(np.rot90(images, axes=(1, 2)).copy())
    mirrored = wavelet_features(images[:, :, ::-1].copy())

    assert np.isfinite(seen).all()
    assert (np.abs(turned - seen) / spread).mean() < 0.1
    assert (np.abs(mirrored - seen) / spread).mean() < 0.1
