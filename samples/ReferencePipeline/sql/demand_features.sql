-- What is known of an hour the day before: the calendar, the weather as observed or forecast, and the demand a day earlier, a week earlier
-- and on the ten days of the same kind before. The hours of tomorrow are in it without their demand.
with hours as (
    select
        station.station_id,
        weather.hour,
        cast(extract(hour from weather.hour) as integer) as hour_of_day,
        cast(extract(isodow from weather.hour) as integer) as day_of_week,
        weather.temperature_c,
        weather.precipitation_mm,
        weather.wind_kph,
        demand.trips
    from raw.weather as weather
    cross join raw.stations as station
    left join marts.hourly_demand as demand
        on demand.station_id = station.station_id and demand.hour = weather.hour
),

usual as (
    select
        station_id,
        hour,
        cast(coalesce(sum(trips) over days_before, 0) as integer) as usual_trips,
        cast(count(trips) over days_before as integer) as usual_days
    from hours
    window days_before as (
        partition by station_id, hour_of_day, case when day_of_week >= 6 then 'weekend' else 'workday' end
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
join marts.hourly_demand as yesterday
    on yesterday.station_id = hours.station_id and yesterday.hour = hours.hour - interval '1 day'
left join marts.hourly_demand as last_week
    on last_week.station_id = hours.station_id and last_week.hour = hours.hour - interval '7 days'
