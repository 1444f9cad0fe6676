"""The tables of a model card: figures are written by ``evaluate``, never by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .alarms import SIGHT_S
from .errors import TrainingError

BEGIN, END = "<!-- figures: written by `python -m training evaluate --card` -->", "<!-- end of figures -->"


def check(path: Path) -> tuple[str, str]:
    """What a card has before and after its figures; raises TrainingError where it has no place for them."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise TrainingError(f"{path} cannot be read: {error}") from error
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise TrainingError(f"{path} has no place for figures: write {BEGIN} and {END} on lines of their own.")
    return before, after


def renew(path: Path, report: dict[str, Any]) -> None:
    """Put the tables in the place that a card has for them; raises TrainingError where it has none."""
    before, after = check(path)
    part = path.with_name(path.name + ".part")
    part.write_text(f"{before}{BEGIN}\n{tables(report)}\n{END}{after}", "utf-8")
    part.replace(path)


def tables(report: dict[str, Any]) -> str:
    """All tables of a report, as Markdown."""
    model, at = report["model"], f"{report['threshold']:g}"
    how = "as the server looks" if report["protocol"] == "server" else "as Ultralytics' `val` looks"
    parts = [
        f"`{model['file']}` (sha256 `{model['sha256'][:16]}...`) by {model['backend']} at {report['size']}, {how}."
    ]
    if report["pictures"]:
        parts += [_sets(report["pictures"], at), _sizes(report["pictures"], at), _curve(report["pictures"])]
    if report["gun_free"]:
        parts.append(_gun_free(report["gun_free"], at))
    if "against" in report:
        parts.append(_against(report["against"]))
    if "pasted" in report:
        parts.append(_pasted(report["pasted"], at))
    if "gun_free_video" in report:
        parts.append(_gun_free_video(report["gun_free_video"]))
    if "gun_clips" in report:
        parts.append(_gun_clips(report["gun_clips"], report["look_rate"]))
    return "\n\n".join(parts)


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _sets(sets: dict[str, Any], at: str) -> str:
    rows = [
        [
            name,
            f"{one['pictures']}",
            f"{one['guns']}",
            _sure(one, "mAP50"),
            _sure(one, "mAP50_95"),
            f"{one['best_f1']['precision']:.3f} / {one['best_f1']['recall']:.3f} at {one['best_f1']['threshold']:.2f}",
            f"{one['at'][at]['precision']:.3f} / {one['at'][at]['recall']:.3f} ({_ends(one['recall_interval'])})",
        ]
        for name, one in sets.items()
    ]
    heads = [
        "set",
        "pictures",
        "guns",
        "mAP50",
        "mAP50-95",
        "precision / recall at the best F1",
        f"... at {at}",
    ]
    return "Sets, each with its split. In brackets: 95 % intervals by bootstrap over pictures.\n\n" + _table(
        heads, rows
    )


def _sizes(sets: dict[str, Any], at: str) -> str:
    rows = [
        [name, size, f"{figures['guns']}", _sure(figures, "AP50"), _sure(figures, "recall")]
        for name, one in sets.items()
        for size, figures in one["sizes"].items()
    ]
    words = "By size: tiny is less than 0.25 % of the picture, small less than 2.5 %.\n\n"
    return words + _table(["set", "size", "guns", "AP50", f"recall at {at}"], rows)


def _sure(figures: dict[str, Any], name: str) -> str:
    return f"{figures[name]:.3f} ({_ends(figures[name + '_interval'])})"


def _ends(interval: list[float]) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}"


def _curve(sets: dict[str, Any]) -> str:
    rows = [
        [f"{at:.2f}", f"{precision:.3f}", f"{recall:.3f}"]
        for at, precision, recall in sets["together"]["curve"]
        if round(at * 100) % 10 == 5 or at == 0.5
    ]
    return "All sets together, by threshold.\n\n" + _table(["threshold", "precision", "recall"], rows)


def _gun_free(figures: dict[str, Any], at: str) -> str:
    shares = _table(
        ["threshold", "gun-free pictures with a box"],
        [[threshold, f"{share:.1%}"] for threshold, share in figures["share_with_a_box"].items()],
    )
    sets = ", ".join(f"{name} {share:.1%}" for name, share in figures["by_set"].items())
    wanted = _table(
        ["at most so many gun-free pictures with a box", "threshold", "recall it leaves"],
        [
            [f"{float(share):.0%}", f"{one['threshold']:.2f}", f"{one['recall']:.3f}"]
            for share, one in figures["thresholds"].items()
        ],
    )
    low, high = figures["interval"]
    share = f"{figures['share_with_a_box'][at]:.1%} ({low:.1%} to {high:.1%})"
    return (
        f"{figures['pictures']} gun-free pictures: {share} have a box at {at}. By set: {sets}.\n\n{shares}\n\n{wanted}"
    )


def _against(figures: dict[str, Any]) -> str:
    rows = [
        [
            name,
            f"{one['mAP50']:.3f}",
            f"{one['other_mAP50']:.3f}",
            " to ".join(f"{v:+.3f}" for v in one["difference_interval"]),
        ]
        for name, one in figures["sets"].items()
    ]
    return _table(["set", "mAP50", figures["file"], "difference, 95 % interval"], rows)


def _pasted(figures: dict[str, Any], at: str) -> str:
    rows = [[f"{length} px", f"{share:.0%}"] for length, share in figures["found"].items()]
    words = (
        f"Pasted guns: {figures['cutouts']} cut-outs that `fit` never pastes, in {figures['scenes']} gun-free scenes "
        f"of 1280x720 for each length, found at {at}.\n\n"
    )
    return words + _table(["length", "found"], rows)


def _gun_free_video(figures: dict[str, Any]) -> str:
    rows = [[name, f"{one['seconds']} s", f"{one['false_alarms']}"] for name, one in figures["videos"].items()]
    words = (
        f"Gun-free video: {figures['false_alarms']} false alarms in {figures['hours'] * 60:.1f} minutes, which says no "
        f"more than that there are less than {figures['an_hour_at_most']} a camera-hour (95 %).\n\n"
    )
    return words + _table(["video", "length", "false alarms"], rows)


def _gun_clips(figures: dict[str, Any], rate: float) -> str:
    rows = [
        [
            name,
            f"{one['clips']}",
            f"{one['confirmed']:.0%}",
            f"{one['delay_s'][0]:.1f} / {one['delay_s'][1]:.1f} s" if one["delay_s"] else "-",
            f"{one['false_alarms']}",
        ]
        for name, one in figures.items()
    ]
    words = (
        f"Clips with guns are made, not filmed: a gun is in sight for {SIGHT_S:g} s, looked at {rate:g} times a "
        "second as it comes out of an H.264 stream, under the usual policy.\n\n"
    )
    heads = ["clips", "how many", "confirmed", "after, median / 95th percentile", "false alarms"]
    return words + _table(heads, rows)
