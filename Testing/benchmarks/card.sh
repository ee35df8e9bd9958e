#!/usr/bin/env bash
# Everything that is to be known of a graphics card, in under 8 minutes.  Run again, it goes on where it was: a step that
# has finished is not run again, one that failed or found no time is.
#
#   Testing/benchmarks/card.sh                                       the card; results/card_*.json, then SPEED.md
#   CARD_DEVICE=cpu CARD_OUTPUT=DIR Testing/benchmarks/card.sh       stand-in with small sizes, so that this cannot rot
#
# CARD_DEVICE   cuda, cuda:N or cpu (cuda)
# CARD_OUTPUT   logs and marks of finished steps (demo/card)
# CARD_RESULTS  JSON of the measurements (Testing/benchmarks/results; stand-in: CARD_OUTPUT/results)
# CARD_SECONDS  after which no step is begun, and a running one is ended (460)
# CARD_MAMBA    source distribution of mamba-ssm, where it cannot be downloaded
# PYTHON        with torch and this project's requirements (.venv/bin/python, else python3)
#
# Exit status: 0 all steps are finished, 1 a step failed, 3 steps are left for the next run.
set -u
cd "$(dirname "$0")/../.." || exit 2
DEVICE=${CARD_DEVICE:-cuda} OUTPUT=${CARD_OUTPUT:-demo/card} START=$(date +%s) STATUS=0
SECONDS_IN_ALL=${CARD_SECONDS:-460}
if [ "$DEVICE" = cpu ]; then RESULTS=${CARD_RESULTS:-$OUTPUT/results}; else
  RESULTS=${CARD_RESULTS:-Testing/benchmarks/results}; fi
if [ -z "${PYTHON:-}" ]; then PYTHON=python3; [ -x .venv/bin/python ] && PYTHON=.venv/bin/python; fi
export PYTHONPATH="$PWD:$OUTPUT/mamba${PYTHONPATH:+:$PYTHONPATH}"
mkdir -p "$OUTPUT/done" "$RESULTS"

left() { echo $((SECONDS_IN_ALL - $(date +%s) + START)); }

# step NAME LIMIT COMMAND...: at most LIMIT seconds; what it prints goes to OUTPUT/NAME.log.
step() {
  local name=$1 limit=$2 begin rest code; shift 2
  if [ -e "$OUTPUT/done/$name" ]; then echo "before  $name"; return 0; fi
  rest=$(left)
  if [ "$rest" -lt 5 ]; then echo "later   $name"; [ "$STATUS" = 0 ] && STATUS=3; return 3; fi
  [ "$limit" -gt "$rest" ] && limit=$rest
  begin=$(date +%s)
  timeout -k 5 "$limit" "$@" >"$OUTPUT/$name.log" 2>&1 </dev/null; code=$?
  if [ "$code" = 0 ]; then
    touch "$OUTPUT/done/$name"; echo "done    $name, $(($(date +%s) - begin)) s"; return 0
  fi
  if [ "$code" = 124 ] && [ "$limit" = "$rest" ]; then
    echo "later   $name, the time was up"; [ "$STATUS" = 0 ] && STATUS=3; return 3
  fi
  echo "failed  $name, status $code: $(grep -v '^ *$' "$OUTPUT/$name.log" | tail -1 | cut -c1-200)"; STATUS=1
  return 1
}

# may NAME LIMIT COMMAND...: a step whose failure is a line and nothing more.
may() { local before=$STATUS; step "$@" || STATUS=$before; }

bench() {  # bench NAME LIMIT KIND OPTIONS...
  local name=$1 limit=$2; shift 2
  step "$name" "$limit" "$PYTHON" -m SPMambaLib bench "$@" --device "$DEVICE" --output "$RESULTS/card_$name.json"
}

QUICK=""; [ "$DEVICE" = cpu ] && QUICK="--seconds 5"
step doctor 150 "$PYTHON" -m SPMambaLib doctor --device "$DEVICE" $QUICK --json "$OUTPUT/doctor.json"
if [ "$DEVICE" != cpu ]; then
  step usable 30 "$PYTHON" -c "import json, sys; r = json.load(open('$OUTPUT/doctor.json')); print(r['verdict'])
sys.exit(r['recommendation']['device'] == 'cpu')" || { rm -f "$OUTPUT/done/doctor"; exit 1; }
fi
if [ "$DEVICE" = cpu ]; then
  export SPMAMBA_BENCH_SECONDS=0
  step parity 300 "$PYTHON" -m pytest -q -x Testing/library/test_card.py -k "ground_truth or wrong_numbers"
  may mamba 60 "$PYTHON" Testing/benchmarks/mamba_source.py --device cpu --output "$OUTPUT/mamba"
  step roofline 300 "$PYTHON" Testing/benchmarks/roofline.py --device cpu --tokens 64 --matmul 256 --copy 4 \
    --output "$RESULTS/card_roofline.json"
  bench scan_1 300 scan --batch 1 --tokens 64
  bench detect_compact_single 300 detect --model compact --batch 1 --slices 2 --no-sequential
  bench train_compact_1 300 train --preset compact --batch 1
  step training 300 "$PYTHON" Testing/benchmarks/card_training.py --device cpu --preset compact --batch 1 --steps 2 \
    --output "$RESULTS/card_training.json"
else
  step parity 120 "$PYTHON" -m pytest -q Testing/library/test_scan.py Testing/library/test_scan_triton.py \
    Testing/library/test_backends_agree.py
  may mamba 150 "$PYTHON" Testing/benchmarks/mamba_source.py --device "$DEVICE" --output "$OUTPUT/mamba" \
    ${CARD_MAMBA:+--source "$CARD_MAMBA"}
  step roofline 40 "$PYTHON" Testing/benchmarks/roofline.py --device "$DEVICE" --batch 32 \
    --output "$RESULTS/card_roofline.json"
  for model in paper compact; do for precision in single half; do
    bench "detect_${model}_$precision" 60 detect --model $model --precision $precision --batch 1 8 32 --slices 160 \
      --no-sequential
  done; done
  for batch in 1 8 32; do for preset in paper compact; do
    bench "train_${preset}_$batch" 60 train --preset $preset --batch $batch
  done; done
  for batch in 1 8 32; do bench "scan_$batch" 60 scan --batch $batch --tokens 256 4096; done
  bench detect_paper_sequential 90 detect --model paper --batch 1 --slices 0
  rest=$(left)
  [ "$rest" -gt 20 ] && step training "$rest" "$PYTHON" Testing/benchmarks/card_training.py --device "$DEVICE" \
    --preset paper --batch 32 --seconds $((rest - 15)) --output "$RESULTS/card_training.json"
  [ -e "$OUTPUT/done/training" ] || { echo "later   training"; [ "$STATUS" = 0 ] && STATUS=3; }
  [ "$STATUS" != 0 ] || step page 20 "$PYTHON" Testing/benchmarks/speed_page.py
fi
echo "$(ls "$OUTPUT/done" | wc -l) steps finished, $(($(date +%s) - START)) s, results in $RESULTS"
exit $STATUS
