"""Train a network as an option file says.

    python effsr/train.py -opt options/quickstart_esrnet_x4.yml [--force_yml train:total_iter=1000] [--auto_resume]

Exit status 0 only when the training reached its last iteration.
"""
if __name__ == '__main__' and not __package__:
    import _script  # noqa: F401

import effsr  # noqa: F401  registers effsr's classes
from effsr.pipeline import run


def main(argv: list[str] | None = None) -> int:
    return run(argv, is_train=True)


if __name__ == '__main__':
    raise SystemExit(main())
