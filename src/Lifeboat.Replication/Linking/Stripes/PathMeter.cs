// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Linking.Stripes;

/// <summary>What the connections of all groups over one path have sent, and how they are. Any thread.</summary>
internal sealed class PathMeter
{
    private long _bytes, _moved;
    private int _wanted, _up;
    private volatile string? _detail;

    public PathState State(string path) => new(path, Volatile.Read(ref _up), Volatile.Read(ref _wanted),
        Volatile.Read(ref _bytes), Volatile.Read(ref _moved), _detail);

    public void Sent(long bytes) => Interlocked.Add(ref _bytes, bytes);
    /// <summary>It failed with these under way: they go over the other paths.</summary>
    public void Moved(long bytes) => Interlocked.Add(ref _moved, bytes);
    public void Want(int more) => Interlocked.Add(ref _wanted, more);

    public void Up()
    {
        Interlocked.Increment(ref _up);
        _detail = null;
    }

    public void Down(string why)
    {
        Interlocked.Decrement(ref _up);
        _detail = why;
    }

    public void Refused(string why) => _detail = why;
}

/// <summary>A path of a link as it is now.</summary>
/// <param name="Up">Connections over it that live, of as many as are wanted: one for each group that ships.</param>
/// <param name="WireBytes">Sent over it since the agent started.</param>
/// <param name="MovedBytes">Of those, under way when it failed, and sent again over another path.</param>
/// <param name="Detail">Why the last connection ended or could not be made; null: nothing is wrong.</param>
public sealed record PathState(string Path, int Up, int Wanted, long WireBytes, long MovedBytes, string? Detail);
