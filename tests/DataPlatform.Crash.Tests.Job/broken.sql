select 1 as one,
       no_such_column
