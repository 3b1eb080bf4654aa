"""Sample photographs for the quick start: those that come with scikit-image, which BasicSR needs anyway."""
import os
import shutil
import tempfile
from pathlib import Path

from PIL import Image

# Split by scene: motorcycle_left and motorcycle_right show the same one. The docstrings of skimage.data give sources.
# Its textures (grass, gravel, brick) and its star field are left out: they teach a network to keep noise.
TRAIN = ('astronaut.png', 'camera.png', 'coins.png', 'motorcycle_left.png', 'motorcycle_right.png', 'rocket.jpg')
VAL = ('chelsea.png', 'coffee.png')


def write_sample_photographs(folder: str | Path) -> bool:
    """Write scikit-image's photographs to `folder`/train and `folder`/val as PNG, unless `folder` is there.

    Args:
        folder: Where to write; it appears whole or not at all.

    Returns:
        Whether anything was written.

    Raises:
        ValueError: scikit-image lacks a photograph, or the folder cannot be written.
    """
    folder = Path(folder)
    if folder.exists():
        return False
    import skimage  # takes a second; only the first quick start needs it
    source = Path(skimage.__file__).parent / 'data'
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f'.{folder.name}-'))
    except OSError as error:
        raise ValueError(f'{folder}: sample photographs cannot be written: {error}') from error
    try:
        for part, names in (('train', TRAIN), ('val', VAL)):
            (partial / part).mkdir()
            for name in names:
                with Image.open(source / name) as picture:
                    picture.convert('RGB').save(partial / part / f'{Path(name).stem}.png')
        partial.chmod(0o755)
        os.replace(partial, folder)
    except OSError as error:
        if folder.is_dir():
            return False  # another process of the same run was faster
        raise ValueError(f'{folder}: sample photographs cannot be written: {error}; give your own folders in datasets: '
                         'dataroot_gt') from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return True
