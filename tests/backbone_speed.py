"""What a clip costs by each backbone: python tests/backbone_speed.py [NAME ...]

Processor seconds of one thread for one view of a clip of noise, 103 frames in ten segments; where segments are looked
at one by one, ten times the seconds of one. The shorter of two runs counts. Weights that are not at hand are random,
which takes as long. A backbone whose packages are missing is left out, with the
reason. The table of features/registry has these numbers.
"""

import sys
import time

import numpy as np
import torch

from trs_lab.core.parameters import TORCHVISION
from trs_lab.data.video import segment_starts
from trs_lab.features.backbone import I3D, load_backbone
from trs_lab.features.huggingface import HFBackbone
from trs_lab.features.huggingface_images import FrameTokens
from trs_lab.features.images import LITE, FrameBackbone, load_efficientnet_lite
from trs_lab.features.inference import inference_copy
from trs_lab.features.kinetics import DIMS, SIDES, KineticsBackbone
from trs_lab.features.motion import clip_motion
from trs_lab.features.weights import torchvision_models
from trs_lab.runs.prepare import embedded_weights

FRAMES, SEGMENTS, LENGTH = 103, 10, 16
PIXELS = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3)


def of_torchvision(name):
    made = torchvision_models(name).get_model(name, weights=None)
    return KineticsBackbone(made, DIMS[name], SIDES[name], PIXELS), SIDES[name]


def videomae():
    from transformers import VideoMAEConfig, VideoMAEModel

    return HFBackbone(VideoMAEModel(VideoMAEConfig()), PIXELS), 224


def dinov2():
    from transformers import Dinov2Config, Dinov2Model

    small = Dinov2Config(hidden_size=384, num_attention_heads=6)
    return FrameBackbone(FrameTokens(Dinov2Model(small)), 768, 224, PIXELS), 224


NAMES = {
    "i3d": lambda: (load_backbone(embedded_weights())[0], 64),
    "i3d, weights=FILE": lambda: (I3D(), 224),
    **{name: lambda name=name: (load_efficientnet_lite(name), LITE[name]) for name in LITE},
    **{name: lambda name=name: of_torchvision(name) for name in TORCHVISION},
    "hf:MODEL (VideoMAE, base)": videomae,
    "hf:MODEL, of pictures (DINOv2, small)": dinov2,
}


def seconds(look):
    """Of the processor; the first run warms up."""
    taken = []
    for _ in range(2):
        begun = time.process_time()
        look()
        taken.append(time.process_time() - begun)
    return min(taken)


def looked_at(backbone, side):
    """What has to be done, and how often for a clip."""
    fast, _ = inference_copy(backbone.eval().requires_grad_(False))
    clip = torch.rand(1, 3, FRAMES, side, side) * 2 - 1
    if hasattr(fast, "clips"):
        return lambda: fast.clips(clip, segment_starts(FRAMES, LENGTH, SEGMENTS), LENGTH), 1
    return lambda: fast.features(clip[:, :, :LENGTH]), SEGMENTS


def main(*names):
    torch.set_num_threads(1)
    for name in names or NAMES:
        try:
            backbone, side = NAMES[name]()
        except ImportError as e:
            print(f"{name}: {e}")
            continue
        with torch.inference_mode():
            look, often = looked_at(backbone, side)
            print(f"{name}: {often * seconds(look):.2g} s, {side} pixels, {backbone.dim} numbers", flush=True)
    frames = np.random.default_rng(0).integers(0, 256, (FRAMES, 80, 80, 3), dtype=np.uint8)
    print(f"motion: {seconds(lambda: clip_motion(frames, FRAMES)):.2g} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
