"""Table 2, people: what those who hear and see the clips of CREMA-D say, beside the votes of those who do only one.

    python examples/paper/people.py --data FOLDER [--num-seeds 10]

The two modalities of CREMA-D are votes of people who only heard or only saw a clip. There are also votes of people who
heard and saw it. Their information about the label is compared with that of a discriminator of the other two votes.
"""

import jax
import numpy as np
from data import Dataset, cremad, parser
from results import Claim, table, with_error, write

import lsmi_jax

TOP = 0.1  # share of the clips with the highest s or gain
RANKS = ("s", "gain")


def measure(dataset: Dataset, seed: int) -> dict:
    """People who see and hear each clip, compared with a discriminator of the votes of people who do only one."""
    pairs = lsmi_jax.estimate_pairs(
        jax.random.key(seed), dataset.features, dataset.labels, names=("voice", "face", "both")
    )
    votes, (i1, i2, i12) = pairs["voice", "face"], map(np.asarray, pairs["voice", "face"].information)
    people, synergy = np.asarray(pairs["voice", "both"].information[1]), np.asarray(votes.interactions.synergy)
    # Partial correlation: residuals of linear regressions on i1, i2 and r, in which people with both had no part.
    known = np.stack([np.ones_like(i1), i1, i2, np.asarray(votes.interactions.redundancy)], axis=1)
    rest = [column - known @ np.linalg.lstsq(known, column, rcond=None)[0] for column in (people, synergy)]
    found = {
        "seed": seed,
        "I voice": i1.mean(),
        "I face": i2.mean(),
        "I12 of the votes": i12.mean(),
        "I of people with both": people.mean(),
        "correlation of the two": np.corrcoef(people, i12)[0, 1],
        "correlation with s, beyond i1, i2, r": np.corrcoef(rest[0], rest[1])[0, 1],
    }
    of_people = people - np.maximum(i1, i2)
    for name, rank in zip(RANKS, (synergy, np.asarray(votes.gain)), strict=True):
        top = rank >= np.quantile(rank, 1 - TOP)
        found |= {f"gain of people, highest tenth of {name}": of_people[top].mean()}
        found |= {f"gain of people, other clips by {name}": of_people[~top].mean()}
        found |= {f"gain of the votes, highest tenth of {name}": np.asarray(votes.gain)[top].mean()}
    return found


def claims_of(people: list[dict]) -> list[Claim]:
    """What people gain where s or gain is high."""
    found = []
    for name in RANKS:
        more = [
            run[f"gain of people, highest tenth of {name}"] - run[f"gain of people, other clips by {name}"]
            for run in people
        ]
        text = f"people with both modalities gain more over the better one on the tenth of clips of highest {name}"
        gains = np.array([run[f"gain of the votes, highest tenth of {name}"] for run in people])
        reason = f"a discriminator of the votes gains {gains.mean():+.3f} nats there, too"
        found.append(Claim(text, "CREMA-D votes", np.array(more), reason=reason))
    return found


def main() -> None:
    arguments = parser(__doc__).parse_args()
    votes = cremad(arguments.data, with_joint=True)
    people = [measure(votes, seed) for seed in range(arguments.num_seeds)]
    cells = [[name, with_error([run[name] for run in people])] for name in people[0] if name != "seed"]
    write(
        arguments.out,
        "paper_people",
        "Table 2: people who see and hear",
        people,
        claims_of(people),
        f"Information in nats, out-of-fold, means over clips and {arguments.num_seeds} seeds, with the standard error "
        "over seeds in parentheses. The correlation beyond i1, i2, r is between the residuals of s and of i(x3) after "
        "a linear regression on these: people with both modalities contributed nothing to s. The gain of people is "
        "i(x3) - max(i1, i2).",
        table(["", "over seeds"], cells),
    )


if __name__ == "__main__":
    main()
