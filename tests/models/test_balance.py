"""Who is winning: the warning after a window, what is kept of it, and the ratio of gradients."""
import effsr

# isort: split
import logging

import pytest
import torch

from effsr.models.balance import Balance, GradientRatio
from effsr.runtime.board import tag_of

CPU = torch.device('cpu')


def one(value):
    return torch.tensor(float(value))


@pytest.fixture
def warnings(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger('basicsr'), 'propagate', True)
    return lambda: [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize(('accuracies', 'count'), [
    ([(1, 1)] * 8, 2), ([(1, 0.9)] * 8, 0), ([(1, 1)] * 4 + [(0.5, 0.5)] * 4, 1), ([(1, 1)] * 3, 0),
    # A single iteration that is worse changes nothing, as long as the mean is not below the limit.
    ([(1, 1), (1, 0.97), (1, 1), (1, 1)], 1)])
def test_it_warns_at_the_end_of_a_window(warnings, accuracies, count):
    balance = Balance(4, 0.98, CPU)
    for iteration, (real, fake) in enumerate(accuracies, start=1):
        balance.add(one(real), one(fake))
        balance.look(iteration)
    assert len(warnings()) == count
    if count:
        assert warnings()[0].startswith('iteration 4: in the last 4 iterations the discriminator told ')
        assert 'train: gan_balance: limit: 0.98' in warnings()[0] and 'r1_weight' in warnings()[0]


def test_a_window_goes_on_where_it_was_left(warnings):
    first, second = Balance(4, 0.9, CPU), Balance(4, 0.9, CPU)
    for _ in range(3):
        first.add(one(1), one(0.9))
        first.look(1)
    second.load_state_dict(first.state_dict())
    assert second.state_dict() == first.state_dict() and second.state_dict()['count'] == 3
    second.add(one(1), one(1))
    second.look(4)
    assert len(warnings()) == 1 and second.state_dict() == {'right': 0.0, 'count': 0}


def test_the_ratio_by_hand():
    ratio = GradientRatio()
    ratio.begin()
    for size in (2, 3):  # parts of a batch
        output = torch.zeros(size, requires_grad=True) * 1
        (3 * output.sum() + 4 * ratio.watched(output).sum()).backward()
    assert ratio.value()['gradient_ratio'].item() == pytest.approx(4 / 3)
    ratio.begin()
    assert ratio.value() == {}
    output = torch.zeros(2, requires_grad=True) * 1
    ratio.watched(output).sum().backward()  # nothing else
    assert not ratio.value()['gradient_ratio'].isfinite()
    plain = torch.zeros(2)
    assert ratio.watched(plain) is plain


def test_watching_changes_no_gradient():
    gradients = []
    for watched in (False, True):
        torch.manual_seed(0)
        weight = torch.rand(5, requires_grad=True)
        output = weight.sin()
        seen = GradientRatio().watched(output) if watched else output
        (output.exp().sum() + seen.cos().sum()).backward()
        gradients.append(weight.grad)
    assert torch.equal(*gradients)


def trained(plain_options, warnings_of, **train):
    torch.manual_seed(0)
    model = effsr.build_model(plain_options({'datasets': ..., 'val': ..., 'high_order_degradation': False,
                                             'train': train}, True))
    generator = torch.Generator().manual_seed(1)
    for iteration in range(1, 5):
        model.feed_data({'lq': torch.rand(4, 3, 8, 8, generator=generator),
                         'gt': torch.rand(4, 3, 16, 16, generator=generator)})
        model.optimize_parameters(iteration)
    return model, model.get_current_log()


def test_in_a_step(plain_options, warnings):
    model, log = trained(plain_options, warnings, gan_balance={'window': 2, 'limit': 0.51})
    assert 0 <= log['d_accuracy_real'] <= 1 and 0 <= log['d_accuracy_fake'] <= 1 and log['gradient_ratio'] > 0
    assert model.balance.state_dict()['count'] == 0
    won = log['d_accuracy_real'] + log['d_accuracy_fake'] > 2 * 0.51
    assert bool(warnings()) is won
    _, log = trained(plain_options, warnings, pixel_opt=..., net_d_init_iters=9)
    assert 'gradient_ratio' not in log
    assert tag_of('d_accuracy_real') == 'balance/d_accuracy_real' and tag_of('gradient_ratio').startswith('balance/')
