// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using Lifeboat.Contracts;
using Lifeboat.Controller.Api.Description;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api.Requests;

// The tag of a group is `"EPOCH.VERSION-HASH"`, or `"EPOCH.VERSION.EDITS-HASH"`: edits where it does not run make no
// version. `If-Match` asks for the definition alone, so only what stands before the `-` counts: somebody who edits does
// not care that the lag has changed meanwhile. `If-None-Match` asks for the whole answer. Everything else has the hash
// of its answer as its tag.

/// <summary>`ETag`, `If-None-Match` on what is read, `If-Match` on what changes a group's definition.</summary>
internal sealed class EntityTags(GroupStore groups, GroupEdits edits)
{
    private static readonly PipeOptions Buffer = new(pauseWriterThreshold: 0, minimumSegmentSize: 64 << 10,
        useSynchronizationContext: false);

    // In HttpContext.Items: epoch and version of the group that is answered with.
    private const string DefinitionKey = "lifeboat.definition";

    private static string Of(GroupDefinition definition) => $"{definition.Epoch.Value}.{definition.Version}"
        + (GroupMerging.EditsElsewhere(definition) is > 0 and var edits ? $".{edits}" : "");

    public async Task HandleAsync(HttpContext context, Func<Task> next)
    {
        var operation = context.GetEndpoint()?.Metadata.GetMetadata<ApiOperation>();
        if (operation is null) await next();
        else if (HttpMethods.IsGet(context.Request.Method)) await ReadAsync(context, operation, next);
        else await ChangeAsync(context, operation, next);
    }

    private async Task ChangeAsync(HttpContext context, ApiOperation operation, Func<Task> next)
    {
        var wanted = context.Request.Headers.IfMatch;
        if (!operation.Edits)
        {
            if (wanted.Count > 0)
                throw ProblemException.Of("the request has a fault", [new ProblemFault(
                    "is understood where a group's definition is changed, and not here", Parameter: "If-Match")]);
            await next();
            return;
        }
        var group = (string)context.GetRouteValue("group")!;
        using var alone = await edits.EnterAsync(group, context.RequestAborted);
        if (wanted.Count > 0 && groups.Find(group) is { Removed: false } known) ThrowUnlessMatches(wanted, known);
        await next();
    }

    /// <summary>Before the answer is written: the group that it is about.</summary>
    public static void Answered(HttpContext context, GroupDefinition definition)
    {
        if (HttpMethods.IsGet(context.Request.Method)) context.Items[DefinitionKey] = Of(definition);
        else context.Response.Headers.ETag = $"\"{Of(definition)}\"";
    }

    private static void ThrowUnlessMatches(IEnumerable<string?> wanted, Contracts.Peers.GroupRecord known)
    {
        var tag = Of(known.Definition);
        var asked = wanted.SelectMany(w => (w ?? "").Split(',', StringSplitOptions.TrimEntries)).ToList();
        if (asked.Any(a => a == "*" || a.Trim('"').Split('-')[0] == tag && a.StartsWith('"'))) return;
        throw new ProblemException(ReasonCode.PreconditionFailed,
            $"group {known.Definition.Name} was changed since it was read",
            $"It is \"{tag}\" now, not {string.Join(", ", asked)}. Read it again.");
    }

    private static async Task ReadAsync(HttpContext context, ApiOperation operation, Func<Task> next)
    {
        if (operation.MediaType != "application/json")
        {
            await next();
            return;
        }
        // Whole answers, of megabytes where there are many groups, in memory that is used again.
        var answer = new Pipe(Buffer);
        try
        {
            await AnswerAsync(context, answer.Writer.AsStream(), next);
            await answer.Writer.CompleteAsync();
            if (answer.Reader.TryRead(out var read)) await SendAsync(context, read.Buffer);
        }
        finally
        {
            await answer.Writer.CompleteAsync();
            await answer.Reader.CompleteAsync();
        }
    }

    private static async Task AnswerAsync(HttpContext context, Stream into, Func<Task> next)
    {
        var wire = context.Response.Body;
        context.Response.Body = into;
        try
        {
            await next();
        }
        finally
        {
            context.Response.Body = wire;
        }
    }

    private static async Task SendAsync(HttpContext context, ReadOnlySequence<byte> bytes)
    {
        if (context.Response.StatusCode is StatusCodes.Status200OK)
        {
            var hash = HashOf(bytes);
            var tag = context.Items[DefinitionKey] is string version ? $"\"{version}-{hash}\"" : $"\"{hash}\"";
            context.Response.Headers.ETag = tag;
            if (IsKnown(context.Request.Headers.IfNoneMatch, tag))
            {
                context.Response.StatusCode = StatusCodes.Status304NotModified;
                context.Response.ContentType = null;
                return;
            }
        }
        foreach (var part in bytes) await context.Response.Body.WriteAsync(part, context.RequestAborted);
    }

    private static string HashOf(ReadOnlySequence<byte> bytes)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in bytes) hash.AppendData(part.Span);
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8));
    }

    // RFC 9110 §13.1.2: compared weakly.
    private static bool IsKnown(IEnumerable<string?> asked, string tag) => asked
        .SelectMany(a => (a ?? "").Split(',', StringSplitOptions.TrimEntries))
        .Any(a => a == "*" || (a.StartsWith("W/", StringComparison.Ordinal) ? a[2..] : a) == tag);
}
