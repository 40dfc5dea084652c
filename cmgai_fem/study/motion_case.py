"""One field along a time whose law of motion is sought: ours and the rivals', between the known states and beyond."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.calibration.law_calibration import LawCalibration
from cmgai_fem.generate import generate
from cmgai_fem.generated import Generated
from cmgai_fem.metrics import field_error
from cmgai_fem.rivals import SLOW, rivals_for
from cmgai_fem.rivals.dynamics import DYNAMICS, installed
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import States
from cmgai_fem.study.findings import Figure, Findings, judged
from cmgai_fem.study.names import method_name
from cmgai_fem.study.pipelines import Report
from cmgai_fem.study.view import held_out_view
from cmgai_fem.transport.state_motion import StateMotion

SIDES = {"between": False, "beyond": True}


@dataclass(frozen=True)
class MotionCase:
    """What was made of the known states of one scalar field.

    Args:
        name: of the case.
        made: ours, and the rivals per node.
        truth: (L,) held-out field by time.
        linear: fields (T, L) of the rivals that fit a linear law of the time.
    """

    name: str
    made: Generated
    truth: Mapping[float, Array]
    linear: Mapping[str, Array]

    @classmethod
    def of(
        cls, name: str, states: States, unseen: Sequence[float], truth: Mapping[float, Array], say: Report
    ) -> "MotionCase":
        """Ours and all rivals; labels stay where they are."""
        rivals = [rival for rival in rivals_for(states.values) if rival not in SLOW]
        made = generate(states, unseen, search=Search(moving=False), rivals=rivals, report=say)
        known, asked = made.states.field(made.field).values[:, :, 0], np.array(unseen)[:, None]
        weights = states.labels.weights
        linear = {rival.name: rival.fit(states.values, known, weights)(asked) for rival in installed()}
        return cls(name, made, {time: truth[time] for time in unseen}, linear)

    def rows(self, side: str) -> list[int]:
        """Rows of the times asked for on one side."""
        last = self.made.states.scalars[-1]
        return [row for row, time in enumerate(self.truth) if (time > last) == SIDES[side]]

    def mean(self, side: str, found: Sequence[Array] | Mapping[int, Array] | Array) -> float:
        """Mean NRMSE of one side."""
        exact, weights = list(self.truth.values()), self.made.states.labels.weights
        errors = [
            field_error(np.reshape(found[row], (-1, 1)), exact[row][:, None], weights).nrmse for row in self.rows(side)
        ]
        return float(np.mean(errors))

    def by(self, made: Generated, side: str) -> float:
        """Mean NRMSE of what was made of the same states."""
        return self.mean(side, [made.at(time) for time in self.truth])

    def compared(self, side: str, bound: float, linear: float) -> list[Figure]:
        """Mean errors of one side, and ours over that of the best rival per node and of the best linear law."""
        told = f"mean NRMSE {side}"
        errors = {rival: self.mean(side, found) for rival, found in self.made.rivalry.fields.items()}
        laws = {rival: self.mean(side, found) for rival, found in self.linear.items()}
        best, ours = min(errors, key=lambda rival: errors[rival]), self.by(self.made, side)
        figures = [Figure.shown(self.name, told, rival, error) for rival, error in (errors | laws).items()]
        figures.append(Figure.shown(self.name, told, "fem", ours))
        over = {f"that of {method_name(best)}": (errors[best], bound)}
        over["the best linear law's"] = (min(laws.values()), linear)
        return figures + [
            Figure.at_most(self.name, f"{told} over {other}", "fem", ours / error, limit)
            for other, (error, limit) in over.items()
        ]

    def motion(self, side: str) -> StateMotion | None:
        """The law with an operator that was found on one side."""
        one = next(each.calibration for each in self.made.generators if each.inside != SIDES[side])
        return one.motion if isinstance(one, LawCalibration) and one.motion.force.acts == "operator" else None

    def findings(self, figures: Sequence[Figure], folder: Path) -> Findings:
        """The figures, what was found in words, what is not installed, and a view of all states."""
        text = "; ".join(dict.fromkeys(generator.finding or "no law found" for generator in self.made.generators))
        missing = sorted(set(DYNAMICS) - set(self.linear))
        left_out = f" Not installed, and so left out: {', '.join(map(method_name, missing))}." if missing else ""
        exact, rivals = list(self.truth.values()), list(self.made.rivalry.fields)
        view = held_out_view(self.made, exact, folder, self.name, rivals)
        return judged(list(figures), self.name, [f"{text[:1].upper()}{text[1:]}.{left_out}"], view=view)
