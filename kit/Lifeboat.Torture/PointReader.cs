// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Nbd;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Torture;

/// <summary>
/// Reads the disks of a point out of site b while its processes are being killed: the view must outlive them, so
/// whatever breaks is asked again, in the middle of a disk too.
/// </summary>
internal sealed class PointReader(TortureField field)
{
    private const int Piece = 2 << 20;
    private string _why = "";
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(300);

    /// <exception cref="ProblemException">PointUnknown, Timeout: it could not be had within the limit.</exception>
    public async Task<IReadOnlyList<string>> ReadAsync(
        RecoveryPoint point, string view, string folder, TimeSpan limit, CancellationToken ct)
    {
        Directory.CreateDirectory(folder);
        var start = field.Time.GetTimestamp();
        bool Late() => field.Time.GetElapsedTime(start) > limit;
        try
        {
            var opened = await PersistAsync(t => field.RecoveryController.OpenViewAsync(TortureOptions.Group,
                new ViewRequest(view, point.Id, null, false), t), Late, ct);
            var files = new List<string>();
            foreach (var volume in opened.Volumes)
            {
                var file = Path.Combine(folder, volume.Name + ".img");
                await CopyAsync(volume, file, Late, ct);
                files.Add(file);
            }
            files.Sort(StringComparer.Ordinal);
            return files;
        }
        finally
        {
            await CloseAsync(view, Late, ct);
        }
    }

    public Task<IReadOnlyList<RecoveryPoint>> PointsAsync(TimeSpan limit, CancellationToken ct)
    {
        var start = field.Time.GetTimestamp();
        return PersistAsync(t => field.RecoveryController.PointsAsync(TortureOptions.Group, t),
            () => field.Time.GetElapsedTime(start) > limit, ct);
    }

    // A view that stays open holds history back: it is closed whatever happened, even if that takes a while.
    private async Task CloseAsync(string view, Func<bool> late, CancellationToken ct) =>
        await PersistAsync(async t =>
        {
            await field.RecoveryController.CloseViewAsync(TortureOptions.Group, view, t);
            return true;
        }, late, ct);

    private async Task<T> PersistAsync<T>(
        Func<CancellationToken, Task<T>> question, Func<bool> late, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                return await TortureField.AskAsync(question, ct);
            }
            catch (ProblemException e) when (e.Reason is not ReasonCode.PointUnknown && !late())
            {
                Again($"{e.Reason} {e.Message} {e.Detail}");
            }
            catch (Exception e) when (e is IOException or OperationCanceledException && !ct.IsCancellationRequested)
            {
                if (late()) throw new ProblemException(ReasonCode.Timeout, "no answer within the limit", cause: e);
            }
            await Task.Delay(Pause, field.Time, ct);
        }
    }

    // Once for a reason, not for each try.
    private void Again(string why)
    {
        if (_why != why) field.Log.Write("again", why);
        _why = why;
    }

    private async Task CopyAsync(ViewVolume volume, string file, Func<bool> late, CancellationToken ct)
    {
        await using var target = new FileStream(file, FileMode.Create, FileAccess.Write, FileShare.None, 1);
        target.SetLength(volume.SizeBytes);
        for (long at = 0; at < volume.SizeBytes;)
        {
            try
            {
                at = await CopyFromAsync(volume, target, at, t => at = t, ct);
            }
            catch (Exception e) when (e is NbdException or SocketException or IOException)
            {
                if (late()) throw new ProblemException(ReasonCode.Timeout, $"{volume.Name} cannot be read at {at}",
                    e.Message, cause: e);
                Again($"reading {volume.Name} at {at}: {e.Message}");
                await Task.Delay(Pause, field.Time, ct);
            }
        }
    }

    private static async Task<long> CopyFromAsync(
        ViewVolume volume, FileStream target, long at, Action<long> reached, CancellationToken ct)
    {
        await using var client = await NbdClient.ConnectAsync(new UnixDomainSocketEndPoint(volume.Socket),
            new NbdClientOptions { Export = volume.Export }, ct);
        var buffer = new byte[Piece];
        while (at < volume.SizeBytes)
        {
            var part = buffer.AsMemory(0, (int)Math.Min(Piece, volume.SizeBytes - at));
            // A hung server has no other way to tell us.
            await client.ReadAsync(at, part, ct).WaitAsync(TimeSpan.FromSeconds(20), ct);
            if (part.Span.ContainsAnyExcept((byte)0))   // else it stays a hole
            {
                target.Position = at;
                await target.WriteAsync(part, ct);
            }
            reached(at += part.Length);
        }
        await target.FlushAsync(ct);
        return at;
    }
}
