select * from marts.demand_features
where trips is not null
order by hour, station_id
