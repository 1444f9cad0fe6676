#!/bin/sh
# The tests of the database need PostgreSQL, those of the MQTT channel Mosquitto, that of TURN coturn: all are started by
# the tests themselves. Prometheus brings promtool, which checks the alert rules.
# Install Debian's where they are missing and we may; say so where we may not.
set -u
PATH="$PATH:/usr/sbin"

has_postgresql() {
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1
}

has_mosquitto() {
    command -v mosquitto >/dev/null 2>&1 && command -v mosquitto_passwd >/dev/null 2>&1
}

has_promtool() {
    command -v promtool >/dev/null 2>&1
}

has_coturn() {
    command -v turnserver >/dev/null 2>&1
}

has_postgresql && has_mosquitto && has_promtool && has_coturn && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing PostgreSQL, Mosquitto, Prometheus and coturn for the tests of database, MQTT, alert rules and TURN"
    export DEBIAN_FRONTEND=noninteractive
    export RUNLEVEL=1 # the packages start no service of their own
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql mosquitto prometheus coturn; } >/dev/null 2>&1
fi
has_postgresql || echo "No PostgreSQL here: its tests will be skipped (apt-get install postgresql)"
has_mosquitto || echo "No Mosquitto here: the tests of MQTT will be skipped (apt-get install mosquitto)"
has_promtool || echo "No promtool here: the tests of alert rules will be skipped (apt-get install prometheus)"
has_coturn || echo "No coturn here: the test of TURN will be skipped (apt-get install coturn)"
