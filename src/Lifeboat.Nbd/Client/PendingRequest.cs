// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

/// <summary>One request on the wire. Only the reader touches it once it is registered.</summary>
internal sealed class PendingRequest(Command command, CommandFlags flags, long offset, uint length)
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Coverage? _coverage = command == Command.Read ? new Coverage(length) : null;
    private readonly Dictionary<uint, List<NbdExtent>> _statuses = [];
    private NbdError _error;
    private string _errorText = "";

    public Command Command => command;

    public CommandFlags Flags => flags;

    public long Offset => offset;

    public uint Length => length;

    public ulong Cookie { get; set; }

    public Memory<byte> Destination { get; init; }

    public Task Done => _done.Task;

    public IReadOnlyList<NbdExtent>? StatusOf(uint contextId) => _statuses.GetValueOrDefault(contextId);

    /// <summary>Where a piece of a read goes, after its place was checked.</summary>
    public Memory<byte> Claim(ulong at, uint count)
    {
        if (_coverage is null)
            throw NbdException.Violation($"data in the answer to {command}");
        if (at < (ulong)offset || !_coverage.TryAdd((long)(at - (ulong)offset), count))
            throw NbdException.Violation($"data for {at}+{count} in the answer to a read of {offset}+{length}");
        return Destination.Slice((int)(at - (ulong)offset), (int)count);
    }

    public void AddStatus(uint contextId, List<NbdExtent> extents)
    {
        if (command != Command.BlockStatus || !_statuses.TryAdd(contextId, extents))
            throw NbdException.Violation($"unexpected block status in the answer to {command}");
    }

    public void SetError(NbdError error, string text)
    {
        if (error == NbdError.None)
            throw NbdException.Violation("an error chunk without an error");
        if (_error == NbdError.None)
            (_error, _errorText) = (error, text);
    }

    /// <summary>The last chunk has come.</summary>
    public void Complete()
    {
        if (_error != NbdError.None)
        {
            var text = $"{command} of {offset}+{length} failed: {_error} {_errorText}".TrimEnd();
            _done.SetException(new NbdException(NbdFault.RequestFailed, text) { Error = _error });
            return;
        }
        if (_coverage is { IsComplete: false })
            throw NbdException.Violation($"the answer to a read of {offset}+{length} is not complete");
        if (command == Command.BlockStatus && _statuses.Count == 0)
            throw NbdException.Violation("a block status answer without any status");
        _done.SetResult();
    }

    public void Fail(NbdException why) =>
        _done.TrySetException(new NbdException(why.Fault, why.Message, why.InnerException));
}
