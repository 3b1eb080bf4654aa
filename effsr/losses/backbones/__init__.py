"""Trained networks that losses look through: which there are, where their weights are found, and their features."""
from effsr.losses.backbones.build import Backbone, build_extractor
from effsr.losses.backbones.extractor import NORMALISATIONS, FeatureExtractor, features

__all__ = ['NORMALISATIONS', 'Backbone', 'FeatureExtractor', 'build_extractor', 'features']
