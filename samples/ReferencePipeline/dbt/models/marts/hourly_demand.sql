-- What was asked of each station in each hour of the days that are over, hours without a trip included.
{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key=['station_id', 'hour']) }}

select
    hours.station_id,
    hours.hour,
    cast(count(trip.trip_id) as integer) as trips,
    cast(coalesce(sum(trip.fare), 0) as decimal(12, 2)) as revenue
from {{ ref('int_station_hours') }} as hours
left join {{ ref('stg_trips') }} as trip on trip.station_id = hours.station_id and trip.hour = hours.hour
where {{ is_over('hours.hour') }}
{%- if is_incremental() %}
  -- Trips arrive, and are corrected, up to a day late.
  and hours.hour >= (select max(hour) from {{ this }}) - interval '2 days'
{%- endif %}
group by hours.station_id, hours.hour
