-- Each station has the 24 hours of tomorrow, without their demand.
select station.station_id, count(feature.hour) as hours
from {{ ref('stg_stations') }} as station
left join {{ ref('demand_features') }} as feature on feature.station_id = station.station_id and feature.trips is null
group by station.station_id
having count(feature.hour) <> 24
