// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Replicas;

internal sealed partial class HostedReplica
{
    private readonly ConcurrentDictionary<string, HostedView> _views = new(StringComparer.Ordinal);
    private readonly SpecFiles<ViewInfo> _viewFiles;
    private readonly SemaphoreSlim _viewing = new(1, 1);

    public bool HasView(string name) => _views.ContainsKey(name);

    /// <summary>Opens a view; the same name again gives the same view.</summary>
    /// <exception cref="ProblemException">PointUnknown, NoRecoveryPoint, Conflict with a view.</exception>
    public async Task<ViewInfo> OpenViewAsync(ViewRequest request, CancellationToken ct)
    {
        if (!EntityName.IsValid(request.Name))
            throw new ProblemException(ReasonCode.InvalidRequest,
                $"'{request.Name}' cannot name a view", EntityName.Rule);
        await _viewing.WaitAsync(ct);
        try
        {
            if (_views.TryGetValue(request.Name, out var present)) return Same(present.Info, request);
            var (sequence, point) = Resolve(request);
            var wanted = new ViewInfo(request.Name, sequence, point, request.Writable, []);
            // Kept before it is opened: a view that is open but in no file would hold history back for ever.
            await _viewFiles.SaveAsync(request.Name, wanted, ct);
            try
            {
                var view = await StartViewAsync(wanted, request.AcceptDamage, ct);
                _views[request.Name] = view;
                return view.Info;
            }
            catch
            {
                // What was refused must not be opened by the next restart, which accepts damage.
                await _replica.CloseViewAsync(request.Name, CancellationToken.None);
                await _viewFiles.DeleteAsync(request.Name, CancellationToken.None);
                throw;
            }
        }
        finally
        {
            _viewing.Release();
        }
    }

    public async Task CloseViewAsync(string name, CancellationToken ct)
    {
        if (!EntityName.IsValid(name)) return;
        await _viewing.WaitAsync(ct);
        try
        {
            if (_views.TryRemove(name, out var view)) await view.DisposeAsync();
            await _replica.CloseViewAsync(name, ct);
            HostedView.RemoveDirectory(_parts.Paths, Spec.Key, name);
            await _viewFiles.DeleteAsync(name, ct);
        }
        finally
        {
            _viewing.Release();
        }
    }

    public async Task CloseAllViewsAsync(CancellationToken ct)
    {
        foreach (var name in _views.Keys) await CloseViewAsync(name, ct);
    }

    private async Task RestoreViewsAsync(CancellationToken ct)
    {
        foreach (var wanted in await _viewFiles.LoadAsync(ct))
        {
            // It was opened before: what was found since must not keep the replica from being served.
            _views[wanted.Name] = await StartViewAsync(wanted, acceptDamage: true, ct);
            LogViewRestored(wanted.Name, Spec.Key, wanted.Sequence);
        }
    }

    private async Task<HostedView> StartViewAsync(ViewInfo wanted, bool acceptDamage, CancellationToken ct)
    {
        var view = await _replica.OpenViewAsync(wanted.Name, wanted.Sequence, wanted.Writable, acceptDamage, ct);
        return await HostedView.StartAsync(_parts.Paths, Spec.Key, view, wanted,
            // As long as they were then; one that the group was given later is not there.
            [
                .. Spec.Volumes.Where(v => view.Sizes.ContainsKey(v.Index))
                    .Select(v => new HostedView.Volume(v.Index, v.Name, view.Sizes[v.Index])),
            ]);
    }

    private (long Sequence, Guid? Point) Resolve(ViewRequest request)
    {
        if (request.Sequence is { } sequence) return (sequence, request.PointId);
        var points = _replica.Points;
        if (request.PointId is { } id)
            return points.FirstOrDefault(p => p.Id == id) is { } point
                ? (point.Sequence, id)
                : throw new ProblemException(ReasonCode.PointUnknown,
                    $"group {Spec.Group} has no recovery point {id}", $"{points.Count} points are kept");
        return (_replica.NewestSound ?? points.LastOrDefault(p => !p.IsOrigin)) is { } newest
            ? (newest.Sequence, newest.Id)
            : throw new ProblemException(ReasonCode.NoRecoveryPoint, $"group {Spec.Group} has no sealed point yet");
    }

    private ViewInfo Same(ViewInfo present, ViewRequest request)
    {
        // "The newest" was resolved when it was opened; asking again does not move it.
        var same = present.Writable == request.Writable
            && (request.PointId is null || request.PointId == present.PointId)
            && (request.Sequence is null || request.Sequence == present.Sequence);
        return same
            ? present
            : throw new ProblemException(ReasonCode.Conflict,
                $"group {Spec.Group} has another view '{request.Name}' open, at sequence {present.Sequence}");
    }

    [LoggerMessage(EventIds.ViewRestored, LogLevel.Information, "Opened view {View} of {Group} at {Sequence} again")]
    private partial void LogViewRestored(string view, string group, long sequence);
}
