using System.CommandLine;
using DataPlatform.Benchmarks;

// A benchmark starts each contender as a process of its own, this program again with the contender's name, so that start-up, memory and CPU
// are the contender's alone. `job` is what such a process runs.
if (args is ["job", ..]) return await BenchmarkJob.RunAsync(args[1..]);

var rows = new Option<int>("--rows") { Description = "Rows of the CSV file.", DefaultValueFactory = _ => 5_000_000 };
var rounds = new Option<int>("--rounds") { Description = "Timed rounds after one to warm up; the median counts.", DefaultValueFactory = _ => 5 };
var postgres = new Option<string>("--postgres")
{
    Description = "The server to load into. Default: the one of eng/services.sh.",
    DefaultValueFactory = _ => "Host=127.0.0.1;Port=25432;Username=dp;Password=dp-test-password;Database=dp",
};

var root = new RootCommand("Measures DataPlatform against a floor and a peer in the same run.");

var start = new Command("start", "From the start of the process to the first row committed in DuckDB; floor: a generic host that starts and stops.") { rounds };
start.SetAction((result, token) => StartBenchmark.RunAsync(result.GetValue(rounds), token));
root.Add(start);

var csvToPostgreSql = new Command("csv-postgresql", "CSV into PostgreSQL, typed and contract-checked; peer: psql \\copy.") { rows, rounds, postgres };
csvToPostgreSql.SetAction((result, token) => CsvBenchmark.PostgreSqlAsync(result.GetValue(rows), result.GetValue(rounds), result.GetValue(postgres)!, token));
root.Add(csvToPostgreSql);

var csvToDuckDb = new Command("csv-duckdb", "CSV into DuckDB, typed and contract-checked; peer: DuckDB's own read_csv, two threads and one.") { rows, rounds };
csvToDuckDb.SetAction((result, token) => CsvBenchmark.DuckDbAsync(result.GetValue(rows), result.GetValue(rounds), token));
root.Add(csvToDuckDb);

var csvToParquet = new Command("csv-parquet", "CSV into Parquet files, typed and contract-checked, with a manifest, the ledger in PostgreSQL; peer: DuckDB's COPY, two threads.") { rows, rounds, postgres };
csvToParquet.SetAction((result, token) => ParquetBenchmark.CsvAsync(result.GetValue(rows), result.GetValue(rounds), result.GetValue(postgres)!, token));
root.Add(csvToParquet);

var postgreSqlToParquet = new Command("postgresql-parquet", "A table of PostgreSQL into a Parquet file; peer: psql \\copy to CSV.") { rows, rounds, postgres };
postgreSqlToParquet.SetAction((result, token) => ParquetBenchmark.PostgreSqlAsync(result.GetValue(rows), result.GetValue(rounds), result.GetValue(postgres)!, token));
root.Add(postgreSqlToParquet);

var postgreSqlToPostgreSql = new Command("postgresql-postgresql", "A table of PostgreSQL into another, in one load and with checkpoints; floor: COPY binary into COPY binary.") { rows, rounds, postgres };
postgreSqlToPostgreSql.SetAction((result, token) => PostgreSqlBenchmark.CopyAsync(result.GetValue(rows), result.GetValue(rounds), result.GetValue(postgres)!, token));
root.Add(postgreSqlToPostgreSql);

var merge = new Command("merge-postgresql", "CSV merged by key into a table of ten times as many rows; peer: psql \\copy and INSERT ON CONFLICT.") { rows, rounds, postgres };
merge.SetAction((result, token) => PostgreSqlBenchmark.MergeAsync(result.GetValue(rows), result.GetValue(rounds), result.GetValue(postgres)!, token));
root.Add(merge);

var dbtBuild = new Command("dbt-build", "A dbt project of 28 nodes built by the built-in engine on DuckDB: alone, as a job's step, and in a process that has done it before.") { rounds };
dbtBuild.SetAction((result, token) => DbtBenchmark.BuildAsync(result.GetValue(rounds), token));
root.Add(dbtBuild);

var dbtRunner = new Command("dbt-runner", "What the runner of the dbt command adds to a recorded dbt; floor: the same as a bare process.") { rounds, postgres };
dbtRunner.SetAction((result, token) => DbtBenchmark.RunnerAsync(result.GetValue(rounds), result.GetValue(postgres)!, token));
root.Add(dbtRunner);

return await root.Parse(args).InvokeAsync();
