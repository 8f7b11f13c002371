"""Training a model: what is minimised."""

from uio2_ros.training.loss import LossSettings, ModalityLoss, TrainingLoss, training_loss

__all__ = ["LossSettings", "ModalityLoss", "TrainingLoss", "training_loss"]
