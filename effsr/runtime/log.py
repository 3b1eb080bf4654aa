"""The log of a run: to the console at once, to its file as soon as there is a folder for it."""
import logging
import logging.handlers
import sys
from contextlib import suppress

from basicsr.utils.logger import initialized_logger

from effsr.runtime.bar import AboveBars

LOGGER = 'basicsr'  # BasicSR's own parts log there
CONSOLE_LINES = 12


def _fits_console(record: logging.LogRecord) -> bool:
    """BasicSR logs its banner, all options and every network's layers, hundreds of lines; they go to the file."""
    return record.getMessage().count('\n') < CONSOLE_LINES


class LogFile(logging.FileHandler):
    """The log's file; that it cannot be written any more (disk full) is told once, and ends nothing."""

    def __init__(self, path: str):
        super().__init__(path, 'a', encoding='utf-8')
        self.told = False

    def handleError(self, record: logging.LogRecord) -> None:
        """Called by logging within the except block of a failed write."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            if not self.told:
                self.told = True
                print(f'{self.baseFilename}: cannot be written ({error.strerror}); the run goes on without its log',
                      file=sys.stderr)
            return
        super().handleError(record)

    def close(self) -> None:
        """Close the file; what a full disk has no room for is left out."""
        with suppress(OSError):
            super().close()


class RunLog:
    """Console and file of one run; what is logged before the file is known is kept for it.

    Args:
        rank: Only process 0 logs anything below an error.
    """

    def __init__(self, rank: int = 0):
        self.logger = logging.getLogger(LOGGER)
        self.before = self.logger.level, self.logger.propagate
        self.logger.propagate = False
        # Otherwise BasicSR's first get_root_logger() adds a console of its own, and every line comes twice.
        initialized_logger[LOGGER] = True
        self.rank = rank
        self.logger.setLevel(logging.INFO if rank == 0 else logging.ERROR)
        self.console = logging.StreamHandler(AboveBars(sys.stdout))
        self.console.setFormatter(logging.Formatter('%(message)s'))
        self.console.addFilter(_fits_console)
        self.early = logging.handlers.MemoryHandler(10**6, flushLevel=logging.CRITICAL + 1, flushOnClose=False)
        self.file: LogFile | None = None
        for handler in (self.console, self.early):
            self.logger.addHandler(handler)

    def open_file(self, path: str) -> logging.Logger:
        """Begin the log file with what was logged so far."""
        if self.rank == 0 and self.file is None:
            self.file = LogFile(path)
            self.file.setFormatter(logging.Formatter('%(asctime)s %(levelname)s: %(message)s'))
            self.early.setTarget(self.file)
            self.early.flush()
            self.logger.removeHandler(self.early)
            self.logger.addHandler(self.file)
        return self.logger

    def note_failure(self, error: BaseException) -> None:
        """Write the traceback of an error to the log file, if there is one; the console gets one line elsewhere."""
        if self.file is not None:
            record = self.logger.makeRecord(LOGGER, logging.ERROR, '', 0, 'stopped by an error', (),
                                            (type(error), error, error.__traceback__))
            self.file.handle(record)

    def close(self) -> None:
        """Give the logger back without the run's handlers."""
        for handler in (self.console, self.early, self.file):
            if handler is not None:
                self.logger.removeHandler(handler)
                handler.close()
        level, self.logger.propagate = self.before
        self.logger.setLevel(level)
        initialized_logger.pop(LOGGER, None)
