#!/bin/sh
# A whole LeNet experiment (open_lth.toml) beside open_lth, by turns, one core each: seconds, and how many times as fast.
#
#   OPEN_LTH=DIR sh deploy/bench/open_lth.sh [TURNS]      2 turns unless told, about 3 minutes each
#
# It needs a copy of open_lth in DIR, which is not changed; a Python with torch, torchvision and numpy, which TOMBOLA_TEST_TORCH names
# (else `python3`); release builds of tombola's programs (`cargo build --release --workspace --bins`); and MNIST as the worker has it:
# `$DATA/mnist`, where DATA is ~/.local/share/tombola/data unless told. Of open_lth 3 rounds are timed, for their cost does not depend on density.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${TOMBOLA_TEST_TORCH:-python3}
data=${DATA:-$HOME/.local/share/tombola/data}
turns=${1:-2}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -f "${OPEN_LTH:?names the folder of open_lth}/open_lth.py" ] || { echo "$OPEN_LTH has no open_lth.py" >&2; exit 2; }
[ -f "$data/mnist/train-images-idx3-ubyte.gz" ] || { echo "no MNIST in $data/mnist; hint: tombola-worker data get mnist" >&2; exit 2; }
[ -x "$root/target/release/tombola-worker" ] || { echo "hint: cargo build --release --workspace --bins" >&2; exit 2; }

cp -r "$OPEN_LTH" "$work/open_lth"
# Without these it does not start on numpy 2 and torch 2.
grep -rl 'np\.product' "$work/open_lth" --include='*.py' | xargs sed -i 's/np\.product/np.prod/g'
sed -i 's/class Model(abc\.ABC, torch\.nn\.Module)/class Model(torch.nn.Module, abc.ABC)/' "$work/open_lth/models/base.py"
raw="$work/home/open_lth_datasets/mnist/MNIST/raw"
mkdir -p "$raw"
for file in "$data"/mnist/*-ubyte.gz; do
    cp "$file" "$raw/"
    gunzip -c "$file" > "$raw/$(basename "$file" .gz)"
done

# Seconds that a command took, on the first core alone.
seconds() {
    begun=$(date +%s.%N)
    taskset -c 0 "$@" > "$work/log" 2>&1 || { tail -20 "$work/log" >&2; exit 1; }
    echo "$begun $(date +%s.%N)" | awk '{ printf "%.1f", $2 - $1 }'
}

open_lth() { # LEVELS STEPS
    rm -rf "$work/home/open_lth_data"
    seconds env HOME="$work/home" OMP_NUM_THREADS=1 "$python" "$work/open_lth/open_lth.py" lottery \
        --default_hparams=mnist_lenet_300_100 --levels="$1" --training_steps="$2"
}

tombola() {
    rm -rf "$work/state"
    seconds "$root/target/release/tombola" up --state "$work/state" --data "$data" --workers 1 --run "$here/open_lth.toml"
}

for turn in $(seq "$turns"); do
    start=$(open_lth 0 1it)
    theirs=$(open_lth 2 2000it)
    ours=$(tombola)
    echo "$turn $start $theirs $ours" | awk '{
        whole = $2 + 7 * ($3 - $2)
        printf "turn %d: open_lth %.1f s for 3 rounds, %.1f of them to start; Tombola %.1f s for 21: %.1f times as fast (21 of theirs: %.0f s)\n", \
            $1, $3, $2, $4, whole / $4, whole }'
done
