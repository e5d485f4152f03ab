// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

/// <summary>
/// The requests on the wire by cookie. After <see cref="Close"/> no more can be added; <see cref="FailAll"/> comes when
/// the reader has stopped, so that no caller gets its memory back while something may still be written to it.
/// </summary>
internal sealed class PendingRequests
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, PendingRequest> _byCookie = [];
    private ulong _lastCookie;
    private NbdException? _closed;

    public void Add(PendingRequest request)
    {
        lock (_gate)
        {
            if (_closed is { } why)
                throw new NbdException(why.Fault, why.Message, why.InnerException);
            request.Cookie = ++_lastCookie;
            _byCookie.Add(request.Cookie, request);
        }
    }

    public PendingRequest Find(ulong cookie)
    {
        lock (_gate)
            return _byCookie.GetValueOrDefault(cookie)
                ?? throw NbdException.Violation($"an answer with cookie {cookie}, which is not in flight");
    }

    public void Remove(ulong cookie)
    {
        lock (_gate)
            _byCookie.Remove(cookie);
    }

    /// <summary>The first reason stays.</summary>
    public void Close(NbdException why)
    {
        lock (_gate)
            _closed ??= why;
    }

    public void FailAll()
    {
        List<PendingRequest> left;
        lock (_gate)
        {
            left = [.. _byCookie.Values];
            _byCookie.Clear();
        }
        foreach (var request in left)
            request.Fail(_closed!);
    }
}
