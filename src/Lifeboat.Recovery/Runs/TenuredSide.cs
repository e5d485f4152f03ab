// SPDX-License-Identifier: Apache-2.0
using System.Reflection;

namespace Lifeboat.Recovery.Runs;

/// <summary>
/// A site, or an ability of its driver, as one tenure may use it: every call looks first whether the tenure still
/// holds. What was asked before goes on; a step that is repeated elsewhere is ready for that.
/// </summary>
public class TenuredSide : DispatchProxy
{
    private object? _inner;
    private Tenure _tenure = Tenure.Sole;

    public static T Of<T>(T inner, Tenure tenure) where T : class =>
        tenure.IsSole ? inner : (T)Of(typeof(T), inner, tenure);

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        _tenure.ThrowIfOver();
        var result = targetMethod!.Invoke(_inner, BindingFlags.DoNotWrapExceptions, null, args, null);
        // An ability of the driver is used like the site itself.
        return result is not null && targetMethod.IsGenericMethod && targetMethod.ReturnType.IsInterface
            ? Of(targetMethod.ReturnType, result, _tenure) : result;
    }

    private static object Of(Type type, object inner, Tenure tenure)
    {
        var side = (TenuredSide)Create(type, typeof(TenuredSide));
        (side._inner, side._tenure) = (inner, tenure);
        return side;
    }
}
