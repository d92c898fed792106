namespace DataPlatform.Testing;

/// <summary>The engine's own command, which is called as dbt is, and a small project with every outcome in it.</summary>
public static class LiveDbt
{
    /// <summary>The command; the test's project refers to DataPlatform.Dbt.Tool.</summary>
    public static string Executable { get; } = Path.Combine(AppContext.BaseDirectory, "DataPlatform.Dbt.Tool");

    /// <summary>The statuses of a build of the project, by the nodes' names. The variable LAB_SLEEP is how many seconds its model <c>slow</c> takes.</summary>
    public static IReadOnlyDictionary<string, string> Outcomes { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["operation.lab.lab-on-run-start-0"] = "success",
        ["seed.lab.numbers"] = "success",
        ["model.lab.ok_a"] = "success",
        ["model.lab.ok_b"] = "success",
        ["model.lab.inc"] = "success",
        ["model.lab.slow"] = "success",
        ["model.lab.after_slow"] = "success",
        ["model.lab.bad"] = "error",
        ["model.lab.after_bad"] = "skipped",
        ["model.lab.after_failed_test"] = "skipped",
        ["snapshot.lab.snap"] = "success",
        ["test.lab.not_null_ok_b_id"] = "pass",
        ["test.lab.not_null_ok_b_name"] = "warn",
        ["test.lab.unique_ok_b_id"] = "fail",
        ["test.lab.not_null_ok_b_nope"] = "error",
        ["test.lab.singular"] = "pass",
        ["operation.lab.lab-on-run-end-0"] = "success",
    };

    /// <summary>Writes the project.</summary>
    public static string Write(string folder)
    {
        foreach (var (path, content) in Files)
        {
            var file = Path.Combine(folder, path);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            System.IO.File.WriteAllText(file, content);
        }

        return folder;
    }

    /// <summary>The id that a node has without the hash that ids of tests end in.</summary>
    public static string Plain(string uniqueId) => uniqueId.Split('.') is ["test", var package, var name, _] ? $"test.{package}.{name}" : uniqueId;

    private static readonly Dictionary<string, string> Files = new(StringComparer.Ordinal)
    {
        ["dbt_project.yml"] = """
            name: lab
            profile: lab
            models:
              lab:
                +materialized: table
            on-run-start: "select 1 as started"
            on-run-end: "select 1 as ended"
            """,
        ["seeds/numbers.csv"] = "id,name\n1,a\n2,b\n2,\n",
        ["models/ok_a.sql"] = "{{ config(materialized='view') }} select * from {{ ref('numbers') }}",
        ["models/ok_b.sql"] = "select id, name from {{ ref('ok_a') }}",
        ["models/inc.sql"] = "{{ config(materialized='incremental') }} select id from {{ ref('ok_a') }} {% if is_incremental() %} where false {% endif %}",
        ["models/slow.sql"] = "-- depends_on: {{ ref('ok_a') }}\n{% set seconds = env_var('LAB_SLEEP', '0') %}{% if seconds != '0' %} select pg_sleep({{ seconds }})::text as slept {% else %} select 'no' as slept {% endif %}",
        ["models/after_slow.sql"] = "select * from {{ ref('slow') }}",
        ["models/bad.sql"] = "select id, cast(name as integer) as number from {{ ref('ok_a') }}",
        ["models/after_bad.sql"] = "select * from {{ ref('bad') }}",
        ["models/after_failed_test.sql"] = "select * from {{ ref('ok_b') }}",
        ["models/schema.yml"] = """
            models:
              - name: ok_b
                columns:
                  - name: id
                    data_tests: [not_null, unique]
                  - name: name
                    data_tests:
                      - not_null: {config: {severity: warn, store_failures: true}}
                  - name: nope
                    data_tests: [not_null]
            """,
        ["tests/singular.sql"] = "select * from {{ ref('ok_a') }} where name = 'zzz'",
        ["snapshots/snap.sql"] = "{% snapshot snap %}{{ config(strategy='check', unique_key='name', check_cols='all') }} select * from {{ ref('numbers') }} where name is not null {% endsnapshot %}",
    };
}
