namespace ReferencePipeline.Inbox;

/// <summary>
/// SplitMix64 (Steele, Lea, Flood 2014) in whole numbers only, so that the same seed gives the same city on every machine and runtime.
/// </summary>
internal struct Dice
{
    private ulong _state;

    private Dice(ulong state) => _state = state;

    /// <summary>Dice of their own for one day and one purpose.</summary>
    public static Dice For(int seed, int day, int purpose)
    {
        var mixer = new Dice((ulong)(uint)seed << 32 | (uint)day);
        mixer._state ^= mixer.Next() * (ulong)(purpose + 1);
        return new Dice(mixer.Next());
    }

    /// <summary>A number from 0 up to, not including, <paramref name="bound"/>.</summary>
    public int Next(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);

    /// <summary>A number from <paramref name="from"/> to <paramref name="to"/>, both included.</summary>
    public int Between(int from, int to) => from + Next(to - from + 1);

    /// <summary>True this many times in a thousand.</summary>
    public bool Chance(int perMille) => Next(1000) < perMille;

    private ulong Next()
    {
        var z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
