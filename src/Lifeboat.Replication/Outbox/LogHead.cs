// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;

namespace Lifeboat.Replication.Outbox;

/// <summary>
/// Whose records a log holds, as `head.json` beside its segments: without it nothing in them may be sent to anybody.
/// Written aside, flushed, renamed, synced, and only while there is no segment. Format: docs/formats/outbox.md.
/// </summary>
/// <param name="Replica">The replica that the stream was shipped to.</param>
/// <param name="BaseStream">The stream that the replica was in when this one began, at
/// <paramref name="BaseSequence"/>.</param>
internal sealed record LogHead(int Version, string Group, long Epoch, Guid Replica, Guid StreamId, Guid BaseStream,
    long BaseSequence)
{
    public const int CurrentVersion = 1;
    private const string Name = "head.json";
    private const string Aside = "head.json.new";
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <returns>Null: there is none, or none that can be understood.</returns>
    public static async Task<LogHead?> ReadAsync(IStorage storage, CancellationToken ct)
    {
        if (!await storage.ExistsAsync(Name, ct)) return null;
        await using var file = await storage.OpenAsync(Name, create: false, ct);
        var bytes = new byte[await file.LengthAsync(ct)];
        var count = await file.ReadAsync(0, bytes, ct);
        try
        {
            var head = JsonSerializer.Deserialize<LogHead>(bytes.AsSpan(0, count), Json);
            return head?.Version == CurrentVersion ? head : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public async Task WriteAsync(IStorage storage, CancellationToken ct)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(this, Json);
        await using (var file = await storage.OpenAsync(Aside, create: true, ct))
        {
            await file.SetLengthAsync(0, ct);
            await file.WriteAsync(0, bytes, ct);
            await file.FlushAsync(ct);
        }
        await storage.RenameAsync(Aside, Name, ct);
        await storage.SyncAsync(ct);
    }

    public static bool IsName(string file) => file is Name or Aside;

    /// <summary>A replica that stands here can take what the log has next.</summary>
    public bool Fits(string group, Epoch epoch, Guid replica, Guid stream, long durable) =>
        Group == group && Epoch == epoch.Value && Replica == replica
        && (stream == StreamId || (stream == BaseStream && durable == BaseSequence));
}
