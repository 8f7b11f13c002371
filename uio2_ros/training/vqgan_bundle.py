"""A VQGAN's training begins from a bundle, or a size, and ends in that bundle with it inside."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from uio2_ros.model.checkpoint import locate
from uio2_ros.model.config_file import CONFIG_FILE
from uio2_ros.model.families.unified_io_2.config import ModelConfig, shipped_configs
from uio2_ros.model.families.unified_io_2.target_vqgan import TargetVQGAN, vqgan_config
from uio2_ros.training.config import TrainingConfig

BUNDLE = "bundle"


def starting_vqgan(config: TrainingConfig) -> tuple[TargetVQGAN, bool]:
    """The VQGAN to train, and whether it is new.

    ValueError for a model that writes the modality already: its codes would mean something else.
    """
    modality = config.vqgan_modality
    if config.model in shipped_configs():
        sizes = replace(ModelConfig.load(config.model), target_modalities=(modality,))
        return TargetVQGAN(sizes), True
    files = locate(config.model)
    if modality in TargetVQGAN.usable_config(files.config).target_modalities:
        raise ValueError(
            f"{config.model} writes {modality} targets in the codes of the VQGAN that it has: "
            "begin from a model that does not"
        )
    if modality in files.vqgans:
        return TargetVQGAN.of(files, modality), False
    return TargetVQGAN(vqgan_config(files, modality)), True


def write_vqgan_bundle(config: TrainingConfig, model: TargetVQGAN) -> Path:
    """The files that training began from, with the VQGAN beside them; of a size, that alone."""
    folder = config.output.expanduser() / BUNDLE
    if config.model in shipped_configs():
        folder.mkdir(parents=True, exist_ok=True)
        model.config.save(folder / CONFIG_FILE)
    else:
        source = locate(config.model).config
        assert source is not None
        shutil.copytree(source.parent, folder, dirs_exist_ok=True)
    model.save_beside(folder)
    return folder
