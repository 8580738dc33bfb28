import os
import signal

import pytest

from madminer_workflow.engine.interruption import Interruption


def test_a_signal_ends_the_run_at_the_next_poll(capsys: pytest.CaptureFixture[str]) -> None:
    for number, error in ((signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)):
        with Interruption() as interruption:
            interruption.track(None)
            os.kill(os.getpid(), number)
            with pytest.raises(error):
                interruption.track(None)
    assert capsys.readouterr().err == "\nstopped by SIGTERM\n"


def test_handlers_are_given_back_and_ignored_signals_stay_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        with Interruption() as interruption:
            os.kill(os.getpid(), signal.SIGHUP)
            interruption.track(None)
        assert handlers == [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
