select station_id, name, district, capacity
from {{ source('raw', 'stations') }}
