//! Between flat buffers and files: which tensor of a file is which part of a lane's memory.

use crate::{
    checkpoint::{TensorFile, Values},
    error::Result,
    mask::Mask,
    nn::{Entry, Layout},
};
use tch::{Kind, Tensor};

/// Puts every entry of `flat` into `file` as `<name>`, or `<name>.<suffix>`.
pub(super) fn put(
    file: &mut TensorFile,
    entries: &[Entry],
    flat: &Tensor,
    suffix: Option<&str>,
) -> Result<()> {
    for entry in entries {
        let part = flat.f_narrow(0, entry.offset as i64, entry.len as i64)?;
        // Adding zero turns -0.0 into 0.0: equal weights are equal bytes.
        let values = match flat.f_kind()? {
            Kind::Double => {
                Values::F64(elements::<f64>(&part)?.into_iter().map(|value| value + 0.0).collect())
            }
            _ => Values::F32(elements::<f32>(&part)?.into_iter().map(|value| value + 0.0).collect()),
        };
        let shape: Vec<usize> = entry.shape.iter().map(|&n| n as usize).collect();
        file.put(&name(&entry.name, suffix), &shape, values)?;
    }
    Ok(())
}

/// The inverse of [`put`], converted to `kind`.
pub(crate) fn get(file: &TensorFile, entries: &[Entry], kind: Kind, suffix: Option<&str>) -> Result<Tensor> {
    let mut flat: Vec<f64> = Vec::with_capacity(entries.iter().map(|entry| entry.len).sum());
    for entry in entries {
        let name = name(&entry.name, suffix);
        let shape = file.shape(&name)?;
        if !shape.iter().map(|&n| n as i64).eq(entry.shape.iter().copied()) {
            return Err(file.wrong(format!("has `{name}` of shape {shape:?}, not {:?}", entry.shape)));
        }
        // Through f64 nothing is lost.
        match file.values(&name)? {
            Values::F64(values) => flat.extend(values),
            _ => flat.extend(file.f32s(&name)?.iter().map(|&value| f64::from(value))),
        }
    }
    Ok(Tensor::f_from_slice(&flat)?.f_to_kind(kind)?)
}

/// As [`get`], but tensors named in `but` are not read: they are 0.
pub(super) fn get_but(file: &TensorFile, entries: &[Entry], kind: Kind, but: &[String]) -> Result<Tensor> {
    let one = |entry: &Entry| match but.contains(&entry.name) {
        true => Ok(Tensor::f_zeros([entry.len as i64], (kind, tch::Device::Cpu))?),
        false => get(file, std::slice::from_ref(entry), kind, None),
    };
    Ok(Tensor::f_cat(&entries.iter().map(one).collect::<Result<Vec<_>>>()?, 0)?)
}

/// The parts of a flat buffer on the host, entry by entry.
pub(super) fn tensors(flat: &Tensor, entries: &[Entry]) -> Result<Vec<Vec<f64>>> {
    let flat = elements::<f64>(&flat.f_to_kind(Kind::Double)?)?;
    Ok(entries.iter().map(|entry| flat[entry.offset..entry.offset + entry.len].to_vec()).collect())
}

/// Tensors drawn one by one, as one flat buffer.
pub(super) fn flatten(tensors: &[Vec<f32>], kind: Kind) -> Result<Tensor> {
    Ok(Tensor::f_from_slice(&tensors.concat())?.f_to_kind(kind)?)
}

/// A mask over all trained parameters as floats, `[T]`; biases live.
pub(crate) fn mask_of(mask: &Mask, layout: &Layout, kind: Kind) -> Result<Tensor> {
    let mut flat = vec![1u8; layout.trained_len];
    for entry in layout.trained() {
        if let Some(bits) = mask.bits(&entry.name) {
            flat[entry.offset..entry.offset + entry.len].copy_from_slice(bits);
        }
    }
    Ok(Tensor::f_from_slice(&flat)?.f_to_kind(kind)?)
}

fn elements<T: tch::kind::Element + Default + Copy>(tensor: &Tensor) -> Result<Vec<T>> {
    let mut values = vec![T::default(); tensor.numel()];
    tensor.f_copy_data(&mut values, tensor.numel())?;
    Ok(values)
}

fn name(parameter: &str, suffix: Option<&str>) -> String {
    suffix.map_or_else(|| parameter.to_owned(), |suffix| format!("{parameter}.{suffix}"))
}
