using DataPlatform.Warehouses;

namespace DataPlatform.Benchmarks;

/// <summary>One row of the benchmark's data: ten columns of the types that data teams load.</summary>
internal sealed record Order(
    long OrderId, int CustomerId, [Precision(12, 2)] decimal Amount, double Score, DateOnly OrderDate, DateTime CreatedAt, string Category, string Reference, string? Note, bool Paid);
