-- What was asked of each station in each hour of the days that are over, hours without a trip included.
select
    station.station_id,
    weather.hour,
    cast(count(trip.trip_id) as integer) as trips,
    cast(coalesce(sum(trip.fare), 0) as decimal(12, 2)) as revenue
from raw.stations as station
cross join raw.weather as weather
left join staging.trips as trip
    on trip.start_station_id = station.station_id and trip.started_hour = weather.hour
where cast(weather.hour as date) <= cast(@run_date as date)
group by station.station_id, weather.hour
