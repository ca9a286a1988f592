#!/bin/sh
# Makes the secrets of deploy/compose.yaml, each random and readable by you alone, and .env with what is no secret.
# What is there already stays: a password that PostgreSQL was started with is not changed by changing its file.
#   sh deploy/make-secrets.sh
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets

random() {
  od -An -N 24 -t x1 /dev/urandom | tr -d ' \n'
}

once() { # NAME: keep what stands on the input, unless there is something
  if [ -e "secrets/$1" ]; then cat > /dev/null; else cat > "secrets/$1"; fi
}

random | once postgres_password
random | once mlflow_admin_password
random | once mlflow_session_key
random | once ray_token
postgres=$(cat secrets/postgres_password)
printf '*:*:*:convoy:%s\n' "$postgres" | once pgpass
printf '[default]\naws_access_key_id = convoy\naws_secret_access_key = %s\n' "$(random)" | once s3_credentials
key=$(sed -n 's/^aws_secret_access_key = //p' secrets/s3_credentials)
once s3.json << END
{"identities": [{"name": "convoy", "credentials": [{"accessKey": "convoy", "secretKey": "$key"}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
END
printf 'CONVOY_USER=%s:%s\n' "$(id -u)" "$(id -g)" > .env
echo "deploy/secrets: $(find secrets -type f | wc -l) files, mode 0600"
