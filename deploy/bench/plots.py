"""Plots of measured figures: reads `figures.json` beside this file, writes an SVG for each plot into `plots/`.

    python3 -m venv /tmp/plots && /tmp/plots/bin/pip install matplotlib && /tmp/plots/bin/python deploy/bench/plots.py

The same figures and matplotlib make the same bytes. `figures.json` holds what was measured, as it was printed;
what is plotted of it is worked out here. Series of two points are kept there, but not plotted.
"""
import json
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

HERE = Path(__file__).parent
# Of Okabe and Ito's colours, which the colour-blind can tell apart; markers differ, too.
LOOKS = [("#0072B2", "o"), ("#D55E00", "s")]
STYLE = {
    "svg.fonttype": "path", "svg.hashsalt": "tombola", "figure.facecolor": "white", "savefig.facecolor": "white",
    "figure.figsize": (7.3, 4.4), "font.size": 10, "axes.grid": True, "grid.color": "#DDDDDD", "axes.axisbelow": True,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left", "axes.titlesize": 11,
    "axes.titlepad": 10, "legend.frameon": False, "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.1,
}


def ticks(axis, values):
    axis.set_major_locator(FixedLocator(values))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def steps_by_density(axes):
    axes.set(title="LeNet-300-100: density", xscale="log", yscale="log", ylim=(500, 20_000))
    axes.set(xlabel="weights left, % (log; pruning goes right)", ylabel="steps per second of processor time (log)")
    axes.invert_xaxis()
    ticks(axes.xaxis, [100, 50, 20, 10, 5, 2, 1])
    ticks(axes.yaxis, [500, 1_000, 2_000, 5_000, 10_000, 20_000])


def conv_steps_by_density(axes):
    axes.set(title="Conv-2: density", xscale="log", yscale="log", ylim=(4, 24))
    axes.set(xlabel="weights left, % (log; pruning goes right)", ylabel="steps per second of processor time (log)")
    axes.invert_xaxis()
    ticks(axes.xaxis, [50, 20, 10, 5, 2, 1])
    ticks(axes.yaxis, [5, 10, 20])


def steps_by_lanes(axes):
    axes.set(title="LeNet-300-100: lanes", ylim=(0, 2_200))
    axes.set(xlabel="lanes trained together", ylabel="steps per second, all lanes together")
    ticks(axes.xaxis, [1, 2, 3, 4])
    ticks(axes.yaxis, range(0, 2_001, 500))


def job_by_history(axes):
    axes.set(title="Jobs behind a long history", ylim=(0, 175))
    axes.set_xscale("symlog", linthresh=1_000)
    axes.set(xlabel="finished jobs in the database (log from 1,000 on)", ylabel="lease and finish of a job, µs")
    ticks(axes.xaxis, [0, 1_000, 10_000, 100_000, 1_000_000])


def dispatch_by_workers(axes):
    axes.set(title="A ready job reaches an idle worker", ylim=(0, 12))
    axes.set_xscale("log")
    axes.set(xlabel="connected workers (log)", ylabel="p95, milliseconds")
    ticks(axes.xaxis, [1, 10, 100, 1_000, 10_000])


def memory_by_workers(axes):
    axes.set(title="Memory by connected workers", xscale="log", yscale="log", ylim=(10, 1_000))
    axes.set(xlabel="connected workers (log)", ylabel="MiB of the coordinator (log)")
    ticks(axes.xaxis, [100, 1_000, 10_000])
    ticks(axes.yaxis, [10, 100, 1_000])


def time_by_seeds(axes):
    axes.set(title="A sweep by its seeds: time", xscale="log", yscale="log", ylim=(0.1, 10_000))
    axes.set(xlabel="seeds, of 19 jobs each (log)", ylabel="milliseconds of processor time (log)")
    ticks(axes.xaxis, [10, 100, 1_000, 10_000])
    axes.yaxis.set_major_locator(FixedLocator([0.1, 1, 10, 100, 1_000, 10_000]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def memory_by_seeds(axes):
    axes.set(title="A sweep by its seeds: memory of its open jobs", xscale="log", yscale="log", ylim=(0.1, 100))
    axes.set(xlabel="seeds, of 19 jobs each (log)", ylabel="MiB (log)")
    ticks(axes.xaxis, [10, 100, 1_000, 10_000])
    axes.yaxis.set_major_locator(FixedLocator([0.1, 1, 10, 100]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def rate(microseconds):
    """A cost in microseconds becomes a rate, and a rate such a cost."""
    return 1e6 / microseconds


def as_measured(value):
    return value


PLOTS = {
    steps_by_density: rate, conv_steps_by_density: rate, steps_by_lanes: rate, job_by_history: rate,
    dispatch_by_workers: as_measured, memory_by_workers: as_measured,
    time_by_seeds: as_measured, memory_by_seeds: as_measured,
}


def caption(series):
    first, *others = series
    for other in others:
        assert all(other[key] == first[key] for key in ["date", "machine", "source", "setting"]), "one caption for all"
    return f"{first['setting']}.\n{first['date']}, {first['machine']}: {first['source']}"


def plot(name, prepare, shown, series):
    figure, axes = plt.subplots(layout="constrained")
    prepare(axes)
    for (colour, marker), one in zip(LOOKS[: len(series)], series, strict=True):
        x, y = zip(*one["points"])
        axes.plot(x, [shown(value) for value in y], color=colour, marker=marker, label=one["name"])
    axes.legend(loc="lower right", bbox_to_anchor=(1.01, 0.99), ncols=2)
    figure.supxlabel(caption(series), fontsize=8, color="#555555", x=0.015, ha="left")
    figure.savefig(HERE / "plots" / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)


def main():
    figures = json.loads((HERE / "figures.json").read_text(encoding="utf-8"))
    (HERE / "plots").mkdir(exist_ok=True)
    with plt.rc_context(STYLE):
        for prepare, shown in PLOTS.items():
            plot(prepare.__name__, prepare, shown, figures[prepare.__name__])


main()
