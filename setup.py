"""Installs effsr: pip install -e . (to use), pip install -e ".[test]" (to run the tests)."""
import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

setup(
    name='effsr',
    version=re.search(r"^__version__ = '(.+)'$", (HERE / 'effsr/__init__.py').read_text(encoding='utf-8'),
                      re.MULTILINE).group(1),
    description="Training framework for efficient image super-resolution on BasicSR's registries",
    long_description=(HERE / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['effsr', 'effsr.*']),
    package_data={'effsr.reports': ['assets/*']},  # the page's template, style and script
    # BasicSR 1.4.2's source package does not build on Python 3.13 (KeyError: '__version__').
    python_requires='>=3.10,<3.13',
    install_requires=[
        'basicsr==1.4.2',  # the bridge answers this version line by line
        'torch>=2.4',
        'torchvision>=0.19',
        'numpy>=1.24',
        'scipy>=1.10',
        'opencv-python>=4.8',
        'pillow>=10.1',
        'pydantic>=2.10',
        'pyyaml>=6',
        'lmdb>=1.4',
        'scikit-image>=0.21',
        'safetensors>=0.4',  # weights that cannot hold code
        # tb-nightly, which BasicSR installs, imports pkg_resources; setuptools 81 dropped it.
        'setuptools<81',
    ],
    extras_require={
        'test': ['pytest>=8', 'ruff>=0.6', 'jsonschema>=4', 'schedulefree>=1.4', 'timm>=1.0', 'safetensors>=0.4',
                 'lpips>=0.1.4', 'DISTS-pytorch>=0.1', 'spandrel>=0.4', 'av>=14', 'onnx>=1.16', 'onnxscript>=0.2',
                 'onnxruntime>=1.18', 'openvino>=2024.4', 'ncnn>=1.0.20240410', 'pnnx>=20240410',
                 'playwright>=1.40'],  # drives a Chromium that is there already
        'schedulefree': ['schedulefree>=1.4'],  # optimizers without a schedule
        'spandrel': ['spandrel>=0.4'],  # reads the weights of many more networks
        'onnx': ['onnx>=1.16', 'onnxscript>=0.2', 'onnxruntime>=1.18'],  # export.py, --backend onnxruntime
        'openvino': ['openvino>=2024.4'],  # conversion goes through ONNX: take the extra onnx too
        'ncnn': ['ncnn>=1.0.20240410', 'pnnx>=20240410'],
        'safetensors': ['safetensors>=0.4'],
        'executorch': ['executorch>=1.0'],
        'video': ['av>=14'],  # upscale.py on videos; brings FFmpeg's libraries along
        'metrics': ['safetensors>=0.4', 'lpips>=0.1.4', 'DISTS-pytorch>=0.1'],  # LPIPS and DISTS; pyiqa lives elsewhere
        # Backbones of perceptual losses by name, and LPIPSLoss and DISTSLoss.
        'perceptual': ['timm>=1.0', 'safetensors>=0.4', 'lpips>=0.1.4', 'DISTS-pytorch>=0.1'],
    },
)
