import cv2
import numpy as np
import pytest
import torch

from effsr.degradations import jpeg_round_trip, quantization_tables

FACTOR = {'4:2:0': cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, '4:4:4': cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444}


def to_tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255


def libjpeg(image: np.ndarray, quality: int, subsampling: str) -> np.ndarray:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, FACTOR[subsampling]]
    encoded = cv2.imencode('.jpg', image[..., ::-1], options)[1]
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]


def difference(image: np.ndarray, quality: int, subsampling: str) -> float:
    """Mean absolute error in levels of 255."""
    ours = jpeg_round_trip(to_tensor(image), quality, subsampling)[0].permute(1, 2, 0).numpy() * 255
    return float(np.abs(ours - libjpeg(image, quality, subsampling)).mean())


@pytest.mark.parametrize('subsampling', list(FACTOR))
@pytest.mark.parametrize('name', ['astronaut', 'chelsea', 'coffee'])
@pytest.mark.parametrize('quality', [5, 35, 50, 70, 90, 100])
def test_close_to_libjpeg_on_photographs(photographs, name, quality, subsampling):
    # Fixed-point arithmetic makes libjpeg quantise a few coefficients to the neighbouring step.
    assert difference(photographs[name], quality, subsampling) < 0.5


@pytest.mark.parametrize('subsampling', list(FACTOR))
@pytest.mark.parametrize('shape', [(17, 23), (8, 8), (15, 40), (40, 9), (31, 33), (5, 6)])
def test_borders_close_to_libjpeg(photographs, shape, subsampling):
    """Averaged over many patches: one patch differs by much if a single coefficient is rounded the other way."""
    height, width = shape
    corners = [(y, x) for y in range(0, 240, 30) for x in range(0, 400, 50)]
    patches = [photographs['chelsea'][y : y + height, x : x + width] for y, x in corners]
    ours = [jpeg_round_trip(to_tensor(p), 60, subsampling)[0].permute(1, 2, 0).numpy() * 255 for p in patches]
    theirs = [libjpeg(np.ascontiguousarray(p), 60, subsampling) for p in patches]
    error = np.abs(np.stack(ours) - np.stack(theirs)).mean(axis=(0, 3))
    assert error.mean() < 0.5
    assert error[-1].mean() < 1.5 * error.mean() and error[:, -1].mean() < 1.5 * error.mean()


def test_tables_by_hand():
    tables = quantization_tables(torch.tensor([10.0, 50.0, 75.0, 100.0, 35.0]))
    assert tables.shape == (5, 2, 64)
    # Quality 50 is annex K itself, luma rows first: not symmetric, so that a transposed table is seen.
    assert tables[1, 0, :4].tolist() == [16, 11, 10, 16] and tables[1, 0, 8].item() == 12
    assert tables[0, 0, :3].tolist() == [80, 55, 50] and tables[0, 0].max() == 255
    assert tables[2, 0, :3].tolist() == [8, 6, 5] and tables[2, 1, 0].item() == 9
    assert (tables[3] == 1).all()
    # 5000 / 35 is taken as 142 percent: (16 * 142 + 50) / 100 = 23.22.
    assert tables[4, 0, 0].item() == 23


def test_quality_for_each_image_and_arguments_untouched(crops):
    quality = torch.tensor([30.0, 50.0, 70.0, 95.0])
    image, before = crops.clone(), quality.clone()
    out = jpeg_round_trip(image, quality)
    assert torch.equal(image, crops) and torch.equal(quality, before)
    for i, one in enumerate((30.0, 50.0, 70.0, 95.0)):
        assert torch.equal(out[i : i + 1], jpeg_round_trip(crops[i : i + 1], one))
    assert torch.equal(out, jpeg_round_trip(crops, [30.0, 50.0, 70.0, 95.0]))


def test_result_has_8_bit_levels_and_the_shape_of_the_input(crops):
    out = jpeg_round_trip(crops[..., :61, :43], 55.5)
    assert out.shape == (4, 3, 61, 43)
    torch.testing.assert_close(out * 255, (out * 255).round(), atol=1e-4, rtol=0)
    assert out.min() >= 0 and out.max() <= 1


def test_memory_format_does_not_matter(crops):
    channels_last = crops.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(jpeg_round_trip(channels_last, 60), jpeg_round_trip(crops, 60), atol=0.005, rtol=0)


@pytest.mark.parametrize('level', [0, 1, 127, 255])
def test_flat_grey_stays_as_it_is_at_quality_100(level):
    image = torch.full((1, 3, 24, 24), level / 255)
    torch.testing.assert_close(jpeg_round_trip(image, 100), image)


@pytest.mark.parametrize('quality', [0, 101, float('nan')])
def test_refuses_a_quality_out_of_range(crops, quality):
    with pytest.raises(ValueError, match='accepted: 1 to 100'):
        jpeg_round_trip(crops, quality)


def test_refuses_other_shapes(crops):
    with pytest.raises(ValueError, match=r'accepted: \(B, 3, H, W\)'):
        jpeg_round_trip(crops[:, :1], 50)
    with pytest.raises(ValueError, match=r'accepted: a number or \(4,\)'):
        jpeg_round_trip(crops, [50, 60])
    with pytest.raises(ValueError, match='accepted: 4:2:0, 4:4:4'):
        jpeg_round_trip(crops, 50, '4:2:2')
