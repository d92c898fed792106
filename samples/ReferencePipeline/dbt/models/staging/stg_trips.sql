select
    trip_id,
    start_station_id as station_id,
    date_trunc('hour', started_at) as hour,
    rider = 'member' as by_member,
    cast(extract(epoch from ended_at - started_at) as integer) as seconds,
    fare
from {{ source('clean', 'trips') }}
