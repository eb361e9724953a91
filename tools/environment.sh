#!/bin/sh
# Make a virtual environment and install this project into it: environment.sh PYTHON FOLDER WHAT
set -eu
python=$1 folder=$2 what=$3

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "minikctl needs Python 3.11 or newer; $python is $("$python" --version 2>&1). Try: make PYTHON=python3.12 …" >&2
    exit 1
fi

if [ ! -x "$folder/bin/python" ]; then
    echo "Making an environment in $folder"
    if ! "$python" -m venv "$folder" 2>/dev/null; then
        # Debian and Ubuntu keep a part of venv in a package of its own.
        rm -rf "$folder"
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            apt-get install -y -qq python3-venv >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq python3-venv; } >/dev/null
            "$python" -m venv "$folder"
        elif "$python" -m virtualenv --version >/dev/null 2>&1; then
            "$python" -m virtualenv -q "$folder"
        else
            echo "$python cannot make environments: install python3-venv (sudo apt install python3-venv)" >&2
            exit 1
        fi
    fi
fi

echo "Installing minikctl into $folder"
cd "$(dirname "$0")/.."
"$folder/bin/python" -m pip install -q --disable-pip-version-check -e "$what"
