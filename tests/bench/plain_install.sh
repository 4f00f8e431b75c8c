#!/bin/sh
# The yardstick of bench_cold.py: the installs of the spine as one plain script would make them. Not for use: no users,
# no units, no checks, no way back. Argument: the gateway's key.
set -eu
key=$1
export DEBIAN_FRONTEND=noninteractive PIP_NO_INDEX=1 PIP_FIND_LINKS=/mnt/wheelhouse
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get -qq update > /dev/null
apt-get -qq install -y --no-install-recommends redis-server haproxy python3-venv > /dev/null
mkdir -p /srv/plain/llama
tar -xzf /root/llama.tar.gz -C /srv/plain/llama --strip-components=1
python3 -m venv /srv/plain/venv
/srv/plain/venv/bin/pip install -q --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: -r /root/litellm.lock
cat > /srv/plain/config.yaml <<YAML
model_list:
  - model_name: lab-tiny
    litellm_params: {model: openai/lab-tiny, api_base: "http://127.0.0.1:8080/v1", api_key: none}
general_settings: {master_key: os.environ/LITELLM_MASTER_KEY}
litellm_settings: {cache: true, cache_params: {type: redis, host: 127.0.0.1, port: 6379}}
YAML
cat > /srv/plain/haproxy.cfg <<CFG
defaults
  mode http
  timeout connect 2s
  timeout client 610s
  timeout server 610s
frontend gateway
  bind :4000
  default_backend litellm
backend litellm
  server one 127.0.0.1:4001
CFG
setsid redis-server --bind 127.0.0.1 --daemonize yes > /dev/null
setsid /srv/plain/llama/llama-server --host 127.0.0.1 --port 8080 -m /root/lab-tiny.gguf --alias lab-tiny -c 2048 \
  > /srv/plain/llama.log 2>&1 &
cd /srv/plain
LITELLM_LOCAL_MODEL_COST_MAP=True LITELLM_MASTER_KEY=$key setsid /srv/plain/venv/bin/python -m litellm.proxy.proxy_cli \
  --config /srv/plain/config.yaml --host 127.0.0.1 --port 4001 > /srv/plain/litellm.log 2>&1 &
setsid haproxy -D -f /srv/plain/haproxy.cfg
