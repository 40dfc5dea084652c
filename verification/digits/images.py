"""Handwritten digits as a cloud of points: images, a principal-component space made from training images, folds."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import StratifiedKFold, train_test_split
from torch import Tensor

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

CLASSES = 10
SIDE = 8
# Images that training sets are drawn from.
POOL = 1000


@dataclass(frozen=True)
class Digits:
    """Images of one experiment.

    Args:
        images: (n, 64) training images, grey values in [0, 1].
        labels: (n,) their digits.
        pool: (1000, 64) all images that training sets are drawn from; trains the classifier that judges.
        pool_labels: (1000,) their digits.
        test: (797, 64) images that no method sees.
        test_labels: (797,) their digits.
    """

    images: Array
    labels: IntArray
    pool: Array
    pool_labels: IntArray
    test: Array
    test_labels: IntArray


def draw_digits(count: int, seed: int) -> Digits:
    """`count` training images, as many of each digit as can be, from scikit-learn's 8 x 8 digits."""
    data = load_digits()
    images, labels = data.data / 16.0, data.target.astype(np.int64)
    pool, test, pool_labels, test_labels = train_test_split(
        images, labels, train_size=POOL, stratify=labels, random_state=seed
    )
    chosen, chosen_labels = pool, pool_labels
    if count < len(pool):
        chosen, _, chosen_labels, _ = train_test_split(
            pool, pool_labels, train_size=count, stratify=pool_labels, random_state=seed
        )
    return Digits(chosen, chosen_labels, pool, pool_labels, test, test_labels)


@dataclass(frozen=True)
class ImageSpace:
    """Feature space of images: leading principal components, all divided by one number.

    One scale for all axes keeps distances Euclidean up to a factor, so that transport costs mean the same in both.

    Args:
        pca: fitted to training images.
        scale: root mean square of the components.
    """

    pca: PCA
    scale: float

    @classmethod
    def of(cls, images: Array, components: int) -> "ImageSpace":
        """The space of training images (n, 64)."""
        pca = PCA(min(components, len(images) - 1), svd_solver="full").fit(images)
        return cls(pca, float(np.sqrt(pca.explained_variance_.mean())))

    def features(self, images: Array) -> Array:
        """Feature points (n, d) of images (n, 64)."""
        return np.asarray(self.pca.transform(images) / self.scale)

    def images(self, features: Array) -> Array:
        """Images (n, 64) of feature points (n, d), grey values not clipped."""
        return np.asarray(self.pca.inverse_transform(features * self.scale))


@dataclass(frozen=True)
class Folds:
    """Training and left-out points of each fold, one network a fold.

    Together the networks have seen every image; each stops, or is chosen, by images that it has not seen.

    Args:
        x: (M, B, 10) one-hot digits.
        u: (M, B, d) feature points.
        left_x: (M, V, 10) of the images left out.
        left_u: (M, V, d).
    """

    x: Tensor
    u: Tensor
    left_x: Tensor
    left_u: Tensor

    @classmethod
    def of(cls, features: Array, labels: IntArray, folds: int, seed: int, device: torch.device) -> "Folds":
        """Stratified folds of training points (n, d); folds of unequal size are cut to the smallest."""
        parts = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(features, labels))
        kept, left = (min(len(part[k]) for part in parts) for k in (0, 1))
        rows = np.stack([part[0][:kept] for part in parts]), np.stack([part[1][:left] for part in parts])
        hot = np.eye(CLASSES)[labels]
        tensors = [torch.as_tensor(source[row], dtype=torch.float32, device=device)
                   for row in rows for source in (hot, features)]  # fmt: skip
        return cls(*tensors)

    @property
    def members(self) -> int:
        """Number of folds."""
        return len(self.x)


def one_hot(labels: IntArray, members: int, device: torch.device) -> Tensor:
    """One-hot digits (M, n / M, 10) of labels (n,), dealt out to M networks.

    Ten labels at a time go to one network, so that labels in turn give every network every digit; n must be a multiple
    of 10 M.
    """
    hot = torch.as_tensor(np.eye(CLASSES)[labels], dtype=torch.float32, device=device)
    return hot.unflatten(0, (-1, members, CLASSES)).transpose(0, 1).flatten(1, 2).contiguous()


def dealt_back(values: Tensor) -> Array:
    """Points (n, d) in the order of the labels from the networks' (M, n / M, d)."""
    return values.unflatten(1, (-1, CLASSES)).transpose(0, 1).flatten(0, 2).cpu().numpy().astype(np.float64)
