-- Trips that can be counted: between known stations and not over before they began, one row for each, as last corrected.
select
    trip.trip_id,
    trip.bike_type,
    trip.rider,
    trip.start_station_id,
    trip.end_station_id,
    trip.started_at,
    trip.ended_at,
    trip.fare
from raw.trips as trip
where trip.start_station_id in (select station_id from raw.stations)
  and trip.end_station_id in (select station_id from raw.stations)
  and trip.ended_at >= trip.started_at
