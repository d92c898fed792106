using System.Text.Json;
using System.Text.Json.Serialization;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Aot.Job;

internal enum Vehicle
{
    Bike,
    Tram,
}

/// <summary>A property of every type that can be a column, and of each that may be null.</summary>
internal sealed record EveryType(
    long Id, bool Flag, bool? MaybeFlag, short Small, short? MaybeSmall, int Number, int? MaybeNumber, long? MaybeLong, float Single, float? MaybeSingle, double Double, double? MaybeDouble,
    [Precision(12, 2)] decimal Amount, decimal? MaybeAmount, string Text, string? MaybeText, byte[] Bytes, DateOnly Day, DateOnly? MaybeDay, TimeOnly Time, TimeOnly? MaybeTime,
    DateTime At, DateTime? MaybeAt, DateTimeOffset Moment, DateTimeOffset? MaybeMoment, Guid Uuid, Guid? MaybeUuid, Vehicle Vehicle, Vehicle? MaybeVehicle,
    int[] Numbers, List<string?> Texts, IReadOnlyList<long?>? MaybeNumbers, IList<DateTimeOffset> Moments)
{
    public static IReadOnlyList<EveryType> Rows { get; } =
    [
        Create(1),
        Create(2) with
        {
            MaybeFlag = null, MaybeSmall = null, MaybeNumber = null, MaybeLong = null, MaybeSingle = null, MaybeDouble = null, MaybeAmount = null, MaybeText = null, MaybeDay = null, MaybeTime = null,
            MaybeAt = null, MaybeMoment = null, MaybeUuid = null, MaybeVehicle = null, Numbers = [], Texts = [null, ""], MaybeNumbers = null, Moments = [],
        },
    ];

    /// <summary>Reads a table, by <see cref="RecordMapper{T}"/> in both directions, and fails when it does not hold the rows.</summary>
    public static async Task CompareAsync(StepContext step, string table, CancellationToken cancellationToken)
    {
        var mapper = RecordMapper.For<EveryType>();
        var warehouse = step.Services.GetRequiredKeyedService<IWarehouse>("warehouse");
        var read = new List<EveryType>();
        await foreach (var row in mapper.FromBatchesAsync(warehouse.ReadAsync($"SELECT * FROM {table} ORDER BY id", null, cancellationToken), cancellationToken)) read.Add(row);
        using var batch = mapper.ToBatch(read);
        var (expected, actual) = (ToJson(Rows), ToJson(mapper.FromBatch(batch)));
        if (actual != expected) throw new InvalidOperationException($"{table} holds\n{actual}\nand not\n{expected}");
        step.SetOutput("compared", read.Count, EveryTypeJson.Default.Int32);
        step.Rows.Add(read: read.Count);
    }

    private static string ToJson(IReadOnlyList<EveryType> rows) => JsonSerializer.Serialize([.. rows], EveryTypeJson.Default.EveryTypeArray);

    private static EveryType Create(long id) => new(
        id, true, false, -3, 4, int.MinValue, int.MaxValue, long.MaxValue, 1.5f, -0.25f, 1e300, double.Epsilon,
        1234567890.12m, 0.5000000000m, "Straße 🚲", "x", [0, 1, 255], new DateOnly(2026, 1, 31), new DateOnly(1, 1, 1), new TimeOnly(13, 45, 10), new TimeOnly(0),
        new DateTime(2026, 1, 31, 13, 45, 10), new DateTime(1970, 1, 1), new DateTimeOffset(2026, 1, 31, 13, 45, 10, TimeSpan.Zero), new DateTimeOffset(1969, 12, 31, 23, 0, 0, TimeSpan.Zero),
        new Guid("00112233-4455-6677-8899-aabbccddeeff"), Guid.Empty, Vehicle.Tram, Vehicle.Bike,
        [1, -2], ["a", null, ""], [long.MinValue, null], [new DateTimeOffset(2026, 1, 31, 13, 45, 10, TimeSpan.Zero)]);
}

[JsonSerializable(typeof(EveryType[]))]
[JsonSerializable(typeof(int))]
internal sealed partial class EveryTypeJson : JsonSerializerContext;
