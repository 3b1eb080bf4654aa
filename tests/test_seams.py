"""What pipeline.py replaces in BasicSR is there, and is called the way it relies on."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import ast
import inspect

import basicsr.test
import basicsr.train
import pytest

from effsr import pipeline

# Name -> how BasicSR's pipeline calls it: positional arguments, keywords.
TRAIN = {
    'parse_options': (1, {'is_train'}), 'load_resume_state': (1, set()), 'make_exp_dirs': (1, set()),
    'mkdir_and_rename': (1, set()), 'copy_opt_file': (2, set()),
    'get_root_logger': (0, {'logger_name', 'log_level', 'log_file'}), 'create_train_val_dataloader': (2, set()),
    'init_tb_loggers': (1, set()), 'build_model': (1, set()), 'MessageLogger': (3, set()),
    'CPUPrefetcher': (1, set()), 'CUDAPrefetcher': (2, set()),
}
TEST = {
    'parse_options': (1, {'is_train'}), 'make_exp_dirs': (1, set()),
    'get_root_logger': (0, {'logger_name', 'log_level', 'log_file'}), 'build_dataset': (1, set()),
    'build_dataloader': (2, {'num_gpu', 'dist', 'sampler', 'seed'}), 'build_model': (1, set()),
}
PARAMETERS = {
    'parse_options': ['root_path', 'is_train'], 'load_resume_state': ['opt'], 'make_exp_dirs': ['opt'],
    'mkdir_and_rename': ['path'], 'copy_opt_file': ['opt_file', 'experiments_root'],
    'get_root_logger': ['logger_name', 'log_level', 'log_file'], 'create_train_val_dataloader': ['opt', 'logger'],
    'init_tb_loggers': ['opt'], 'build_model': ['opt'], 'MessageLogger': ['opt', 'start_iter', 'tb_logger'],
    'CPUPrefetcher': ['loader'],
    'CUDAPrefetcher': ['loader', 'opt'], 'build_dataset': ['dataset_opt'],
    'build_dataloader': ['dataset', 'dataset_opt', 'num_gpu', 'dist', 'sampler', 'seed'],
}


def calls(function):
    """Name -> [(number of positional arguments, names of keywords)] of every plain call in a function."""
    found = {}
    for node in ast.walk(ast.parse(inspect.getsource(function))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found.setdefault(node.func.id, []).append((len(node.args), {word.arg for word in node.keywords}))
    return found


def replaced_names(function):
    """The keys of the dict `parts` in a function of pipeline.py."""
    for node in ast.walk(ast.parse(inspect.getsource(function))):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', None) == 'parts':
            return {key.value for key in node.value.keys}
    raise AssertionError('no parts')


@pytest.mark.parametrize(('module', 'upstream', 'ours', 'expected'), [
    (basicsr.train, basicsr.train.train_pipeline, pipeline.train, TRAIN),
    (basicsr.test, basicsr.test.test_pipeline, pipeline.test, TEST),
])
def test_each_replaced_name_is_called_as_expected(module, upstream, ours, expected):
    assert replaced_names(ours) == set(expected)
    found = calls(upstream)
    for name, how in expected.items():
        assert callable(getattr(module, name))
        assert found[name] == [how]
        assert list(inspect.signature(getattr(module, name)).parameters) == PARAMETERS[name]
    assert list(inspect.signature(upstream).parameters) == ['root_path']


@pytest.mark.parametrize('line', [
    'train_loader, train_sampler, val_loaders, total_epochs, total_iters = result',
    'for epoch in range(start_epoch, total_epochs + 1):',
    'train_sampler.set_epoch(epoch)',
    'prefetcher.reset()',
    'train_data = prefetcher.next()',
    "start_epoch = resume_state['epoch']",
    "current_iter = resume_state['iter']",
    'model.resume_training(resume_state)',
    "model.update_learning_rate(current_iter, warmup_iter=opt['train'].get('warmup_iter', -1))",
    'model.feed_data(train_data)',
    'model.optimize_parameters(current_iter)',
    'log_vars.update(model.get_current_log())',
    'msg_logger(log_vars)',
    'model.save(epoch, current_iter)',
    'model.save(epoch=-1, current_iter=-1)',
    "model.validation(val_loader, current_iter, tb_logger, opt['val']['save_img'])",
    "if opt['logger'].get('use_tb_logger') and 'debug' not in opt['name'] and opt['rank'] == 0:",
])
def test_lines_of_the_training_loop_that_effsr_answers(line):
    assert line in inspect.getsource(basicsr.train.train_pipeline)


@pytest.mark.parametrize('line', [
    "for _, dataset_opt in sorted(opt['datasets'].items()):",
    "test_set_name = test_loader.dataset.opt['name']",
    "model.validation(test_loader, current_iter=opt['name'], tb_logger=None, save_img=opt['val']['save_img'])",
])
def test_lines_of_the_test_pipeline_that_effsr_answers(line):
    assert line in inspect.getsource(basicsr.test.test_pipeline)


def test_everything_is_put_back_even_after_an_error():
    before = dict(vars(basicsr.train))
    with pytest.raises(ZeroDivisionError), pipeline.replaced(basicsr.train, build_model=1, MessageLogger=2):
        assert (basicsr.train.build_model, basicsr.train.MessageLogger) == (1, 2)
        raise ZeroDivisionError
    assert dict(vars(basicsr.train)) == before


def test_a_name_that_upstream_lacks_is_refused():
    with pytest.raises(AttributeError, match='bild_model'), pipeline.replaced(basicsr.train, bild_model=1):
        pass
