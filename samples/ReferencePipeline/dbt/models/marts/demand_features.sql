-- What is known of an hour the day before: the calendar, the weather as observed or forecast, and the demand a day earlier, a week earlier
-- and on the ten days of the same kind before. The hours of tomorrow are in it without their demand.
with hours as (
    select hours.*, demand.trips
    from {{ ref('int_station_hours') }} as hours
    left join {{ ref('hourly_demand') }} as demand on demand.station_id = hours.station_id and demand.hour = hours.hour
),

usual as (
    select
        station_id,
        hour,
        cast(coalesce(sum(trips) over days_before, 0) as integer) as usual_trips,
        cast(count(trips) over days_before as integer) as usual_days
    from hours
    window days_before as (
        partition by station_id, hour_of_day, kind_of_day
        order by hour rows between 10 preceding and 1 preceding
    )
)

select
    hours.station_id,
    hours.hour,
    hours.hour_of_day,
    hours.day_of_week,
    hours.temperature_c,
    hours.precipitation_mm,
    hours.wind_kph,
    yesterday.trips as trips_yesterday,
    coalesce(last_week.trips, yesterday.trips) as trips_last_week,
    usual.usual_trips,
    usual.usual_days,
    hours.trips
from hours
join usual
    on usual.station_id = hours.station_id and usual.hour = hours.hour
{%- for days, name in [(1, 'yesterday'), (7, 'last_week')] %}
{{ 'join' if days == 1 else 'left join' }} {{ ref('hourly_demand') }} as {{ name }}
    on {{ name }}.station_id = hours.station_id and {{ name }}.hour = hours.hour - interval '{{ days }} days'
{%- endfor %}
