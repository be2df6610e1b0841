"""Views made on a GPU, where there is one."""

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


def test_a_strong_view_of_pixels_is_the_same_on_both_devices():
    from trs_lab.features.augment import strong

    clips = torch.randint(0, 256, (2, 20, 112, 112, 3), dtype=torch.uint8, generator=seeded())
    there = strong(clips.cuda(), seeded(), (96, 96), noise=0.0)
    assert there.device.type == "cuda"
    torch.testing.assert_close(there.cpu(), strong(clips, seeded(), (96, 96), noise=0.0), atol=0.05, rtol=0)


def test_views_of_features_live_on_the_gpu():
    from trs_lab.features.views import FeatureViews

    features = np.random.default_rng(0).normal(size=(6, 6, 4, 12)).astype(np.float32)
    here, there = (FeatureViews.from_extracted(features, n_weak=2, device=d) for d in ("cpu", "cuda"))
    strong = there.strong(torch.tensor([4, 0, 4]), seeded())
    assert strong.device.type == "cuda"
    torch.testing.assert_close(
        strong.cpu(), here.strong(torch.tensor([4, 0, 4]), seeded()), atol=1e-4, rtol=0
    )


def test_views_of_frames_are_made_on_the_gpu():
    from trs_lab.features.views import VideoViews

    class Frames:
        size = (36, 48)

        def __getitem__(self, rows):
            return np.zeros((len(rows), 34, 36, 48, 3), np.uint8)

    views = VideoViews(Frames(), (32, 32), "cuda", n_segments=4)
    assert views.strong(torch.tensor([4, 0, 4]), seeded()).device.type == "cuda"
