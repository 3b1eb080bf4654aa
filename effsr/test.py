"""Score a checkpoint on test sets as an option file says, and write its pictures.

    python effsr/test.py -opt options/test_x4.yml [--force_yml path:pretrain_network_g=WEIGHTS] [--json FILE]

Exit status 0 only when every picture was scored.
"""
if __name__ == '__main__' and not __package__:
    import _script  # noqa: F401

import effsr  # noqa: F401  registers effsr's classes
from effsr.pipeline import run


def main(argv: list[str] | None = None) -> int:
    return run(argv, is_train=False)


if __name__ == '__main__':
    raise SystemExit(main())
