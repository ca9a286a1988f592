#!/bin/sh
# MLflow's server as deploy/compose.yaml runs it: runs in PostgreSQL, artifacts in the object storage and through the server,
# so that no client needs keys to it; users with passwords; hosts and origins that are named and no others.
# Passwords are read from files in CONVOY_SECRETS; it listens on CONVOY_MLFLOW_LISTEN, inside a container on all addresses.
set -eu
umask 077
secrets=${CONVOY_SECRETS:-/run/secrets}
folder=$(mktemp -d)
cat > "$folder/auth.ini" << END
[mlflow]
default_permission = READ
admin_username = admin
database_uri = $CONVOY_MLFLOW_USERS
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
END
MLFLOW_AUTH_ADMIN_PASSWORD=$(cat "$secrets/mlflow_admin_password")
MLFLOW_FLASK_SERVER_SECRET_KEY=$(cat "$secrets/mlflow_session_key")
export MLFLOW_AUTH_ADMIN_PASSWORD MLFLOW_FLASK_SERVER_SECRET_KEY MLFLOW_AUTH_CONFIG_PATH="$folder/auth.ini"
exec mlflow server --host "${CONVOY_MLFLOW_LISTEN:-0.0.0.0}" --port "${CONVOY_MLFLOW_PORT:-5000}" --workers 2 --app-name basic-auth \
  --backend-store-uri "$CONVOY_MLFLOW_RUNS" --artifacts-destination "$CONVOY_MLFLOW_ARTIFACTS" \
  --allowed-hosts "$CONVOY_MLFLOW_HOSTS" --cors-allowed-origins "$CONVOY_MLFLOW_ORIGINS"
