"""A DAG of Airflow 2 or 3 that runs a day of a daily log, and tries again while the log is late.

The worker needs the checkout and the log. Copy this file to Airflow's folder of DAGs, and change
the two constants.
"""

import datetime

from airflow import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

try:
    from airflow.providers.standard.operators.bash import BashOperator
except ImportError:  # Airflow 2
    from airflow.operators.bash import BashOperator

CHECKOUT = "/srv/session-retrieval"
OPTIONS = "--preset /etc/session-retrieval/shop.yaml --out /srv/shop"

with DAG(
    "session_retrieval_day",
    # At 03:30 UTC for the day before, which the run evaluates.
    schedule=CronDataIntervalTimetable("30 3 * * *", timezone="UTC"),
    start_date=datetime.datetime(2015, 9, 11, tzinfo=datetime.timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 8, "retry_delay": datetime.timedelta(hours=1)},
) as dag:
    BashOperator(
        task_id="day",
        # Any status but 0 fails the task. A second try of a day that has been run does no work.
        bash_command=(
            f"cd {CHECKOUT} && python3 environment.py run session-retrieval day {OPTIONS} "
            "--date {{ data_interval_start | ds }} --wait --fail-if-refused"
        ),
    )
