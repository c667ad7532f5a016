#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# cnnc tune as users run it: interrupted by kill -9 and by Ctrl-C, resumed, for several targets.
#
#     tune.sh CNNC here | arm64 | opencl | ssh        (77: what the target needs is missing)
set -euo pipefail
cnnc=$1
part=$2
folder=$(mktemp -d)
sshd_pid=
trap '[ -z "$sshd_pid" ] || kill $sshd_pid; rm -rf "$folder"' EXIT
cd "$folder"

cat > small.cnn <<'CNN'
network small {
    input x: f32[1, 3, 12, 12]
    y = x -> conv2d(16, kernel=3, padding=1) as conv1 -> relu
    output scores = y -> flatten -> linear(10) as fc
}
CNN

fail() {
  echo "FAILED: $*" >&2
  exit 1
}
lines() { # of a file that may not be there yet
  if [ -e "$1" ]; then wc -l < "$1"; else echo 0; fi
}
tune() {
  "$cnnc" tune small.cnn --no-records "$@"
}
check_files() { # whole, and nothing tried twice
  "$cnnc" sched check small.sched 2> check.txt || fail "$(cat check.txt)"
  [ -z "$(cut -d'|' -f1-4 small.sched.tried | sort | uniq -d)" ] || fail "tried twice"
}

killed_and_resumed() {
  "$cnnc" tune small.cnn --no-records --trials 1000 -o small.sched > table.txt 2> log.txt &
  local pid=$! i
  for i in $(seq 1200); do
    # The file of records is whole at every moment.
    [ ! -e small.sched ] || "$cnnc" sched check small.sched 2> check.txt || fail "$(cat check.txt)"
    [ "$(lines small.sched.tried)" -lt 5 ] || break
    kill -0 $pid || fail "ended by itself: $(cat log.txt)"
    sleep 0.1
  done
  kill -9 $pid
  wait $pid 2> /dev/null || true
  local before
  before=$(lines small.sched.tried)
  [ "$before" -ge 5 ] || fail "only $before candidates"
  [ "$(lines small.sched)" = 2 ] || fail "$(lines small.sched) records of 2 workloads"
  check_files
  cp small.sched.tried before.tried
  tune --trials 4 -o small.sched > table.txt 2> log.txt || fail "$(cat log.txt)"
  [ "$(lines small.sched.tried)" = $((before + 4)) ] || fail "not 4 candidates more"
  head -n "$before" small.sched.tried | cmp - before.tried || fail "lost what was tried"
  check_files
  grep -q '^4 trials in ' log.txt || fail "$(cat log.txt)"
  grep -q '^All layers: ' table.txt || fail "$(cat table.txt)"
}

interrupted() {
  "$cnnc" tune small.cnn --no-records --budget 10m -o small.sched > table.txt 2> log.txt &
  local pid=$! before i
  before=$(lines small.sched.tried)
  for i in $(seq 1200); do
    [ "$(lines small.sched.tried)" -le "$before" ] || break
    sleep 0.1
  done
  kill -INT $pid
  wait $pid || fail "exit code $?: $(cat log.txt)"
  grep -q ', interrupted; records in small.sched' log.txt || fail "$(cat log.txt)"
  check_files
}

used() {
  "$cnnc" explain small.cnn --schedules small.sched | grep -q '(record small.sched:[12])' ||
    fail "the records are not used"
  "$cnnc" verify small.cnn --random-weights 1 --schedules small.sched > table.txt 2> log.txt ||
    fail "$(cat log.txt)"
}

another_target() {
  local mine
  mine=$(cat small.sched)
  tune --target sse41 --trials 2 -o small.sched > table.txt 2> log.txt || fail "$(cat log.txt)"
  [ "$(lines small.sched)" = 4 ] || fail "$(lines small.sched) records for two targets"
  [ "$(head -n 2 small.sched)" = "$mine" ] || fail "changed another target's records"
  check_files
}

# A server on this machine, with keys made for it; leaves the runner in `ssh_runner`.
start_sshd() {
  local attempt port i
  [ "$(id -u)" != 0 ] || mkdir -p -m 755 /run/sshd # sshd insists on it when root starts it
  ssh-keygen -q -t ed25519 -N '' -f host
  ssh-keygen -q -t ed25519 -N '' -f key
  for attempt in 1 2 3 4 5; do # the port may be taken
    port=$((20000 + ($$ * 7 + attempt * 1009) % 40000))
    ssh_runner="ssh -F /dev/null -p $port -i $folder/key -o StrictHostKeyChecking=no \
-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o IdentitiesOnly=yes localhost"
    printf '%s\n' "Port $port" 'ListenAddress 127.0.0.1' "HostKey $folder/host" \
      "AuthorizedKeysFile $folder/key.pub" 'StrictModes no' 'PidFile none' \
      'PermitRootLogin yes' > sshd_config
    /usr/sbin/sshd -D -e -f "$folder/sshd_config" > sshd.log 2>&1 < /dev/null &
    sshd_pid=$!
    for i in $(seq 50); do
      kill -0 $sshd_pid 2> /dev/null || break
      ! $ssh_runner -o BatchMode=yes true 2> /dev/null || return 0
      sleep 0.1
    done
    kill $sshd_pid 2> /dev/null || true
    sshd_pid=
  done
  echo "sshd does not let us in: $(cat sshd.log)"
  exit 77
}

case $part in
here)
  killed_and_resumed
  used
  # A shell's background processes ignore SIGINT unless it has job control.
  set -m
  interrupted
  set +m
  another_target
  ;;
arm64)
  if ! command -v qemu-aarch64-static > log.txt || ! command -v aarch64-linux-gnu-gcc > log.txt; then
    echo "needs qemu-user-static and gcc-aarch64-linux-gnu"
    exit 77
  fi
  tune --target arm64 --cpu cortex-a72 --runner qemu-aarch64-static --trials 3 -o small.sched \
    > table.txt 2> log.txt || fail "$(cat log.txt)"
  [ "$(lines small.sched)" = 2 ] && [ "$(lines small.sched.tried)" = 3 ] || fail "$(cat log.txt)"
  grep -q '^arm-64-linux cortex-a72 | .*behind qemu-aarch64-static' small.sched || fail "provenance"
  check_files
  ;;
opencl)
  if ! ls /etc/OpenCL/vendors/pocl.icd > log.txt 2>&1; then
    echo "needs pocl-opencl-icd"
    exit 77
  fi
  tune --target x86-64-linux-opencl --trials 3 -o small.sched > table.txt 2> log.txt ||
    fail "$(cat log.txt)"
  [ "$(lines small.sched)" = 2 ] && [ "$(lines small.sched.tried)" = 3 ] || fail "$(cat log.txt)"
  check_files
  ;;
ssh)
  if ! command -v ssh ssh-keygen > log.txt || ! [ -x /usr/sbin/sshd ]; then
    echo "needs openssh-client and openssh-server"
    exit 77
  fi
  start_sshd
  tune --runner "$ssh_runner" --threads 2 --trials 3 -o small.sched > table.txt 2> log.txt ||
    fail "$(cat log.txt)"
  [ "$(lines small.sched)" = 2 ] && [ "$(lines small.sched.tried)" = 3 ] || fail "$(cat log.txt)"
  grep -q 'behind ssh .* localhost, 2 threads' small.sched || fail "provenance"
  check_files
  # A board that goes away ends it with words, and keeps what is known.
  kill $sshd_pid
  sshd_pid=
  tune --runner "$ssh_runner" --trials 3 -o small.sched > table.txt 2> log.txt && fail "no board"
  [ $? = 3 ] && grep -q 'Connection refused' log.txt || fail "$(cat log.txt)"
  [ "$(lines small.sched)" = 2 ] || fail "lost records"
  ;;
esac
